"""Reading nginx-rtmp's /stat, whatever a client called itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.stat import AudioMeta, VideoMeta, parse_stat
from panocast.errors import TemporaryError
from panocast.ladder import Size

PAGE = """<?xml version="1.0" encoding="utf-8" ?>
<rtmp><pid>32641</pid><server>
<application><name>live</name><live>
<stream><name>cam</name><time>3629</time><bytes_in>180431</bytes_in>
<client><id>9</id><address>127.0.0.1</address><time>100</time><active/></client>
<client><id>1</id><address>127.0.0.1</address><time>3803</time><flashver>FLASHVER</flashver><publishing/></client>
<meta><video><width>640</width><height>320</height><frame_rate>30</frame_rate><codec>H264</codec><profile>Main</profile>
<compat>64</compat><level>3.1</level></video><audio><codec>AAC</codec><profile>LC</profile><channels>1</channels>
<sample_rate>48000</sample_rate></audio></meta><nclients>2</nclients><publishing/><active/></stream>
<stream><name>early</name><client><id>2</id><time>10</time><publishing/></client><nclients>1</nclients></stream>
<stream><name>waiting</name><client><id>3</id><time>10</time></client><nclients>1</nclients></stream>
</live></application>
<application><name>qa</name><live><nclients>0</nclients></live></application></server></rtmp>"""


def test_who_publishes_what() -> None:
    stat = parse_stat(PAGE.encode())
    assert stat.pid == 32641
    assert stat.of("live").keys() == {"cam", "early"}
    assert stat.of("qa") == {}
    cam = stat.of("live")["cam"]
    assert (cam.client, cam.age_s, cam.bytes_in) == (1, 3.803, 180431)
    assert cam.video == VideoMeta("H264", Size(640, 320), "Main", 64, 31)
    assert cam.audio == AudioMeta("AAC", 1, 48000)
    assert (stat.of("live")["early"].video, stat.of("live")["early"].audio) == (None, None)


@given(st.binary(max_size=60).map(lambda raw: raw.replace(b"<", b"").replace(b"&", b"")))
def test_what_a_client_calls_itself_does_not_blind_us(flashver: bytes) -> None:
    assert parse_stat(PAGE.encode().replace(b"FLASHVER", flashver)).of("live").keys() == {"cam", "early"}


@pytest.mark.parametrize("page", [b"", b"<html>502</html>", b"<rtmp><pid>x</pid></rtmp>", PAGE.encode()[:500]])
def test_half_an_answer_is_worth_another_try(page: bytes) -> None:
    with pytest.raises(TemporaryError):
        parse_stat(page)
