"""The loopback: where rungs go, what is playable, and what is cleared away."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import m3u8
import pytest

from origin.loopback.folders import Loopback, ShownRung, ceiling_bps, multivariant
from origin.paths import OriginPaths
from origin.stat import VideoMeta
from panocast.keys import stream_key
from panocast.ladder import Rung, Size

SECRET = b"0123456789abcdef"


@pytest.fixture
def show(tmp_path: Path) -> Loopback:
    paths = OriginPaths(tmp_path)
    paths.make()
    return Loopback(paths, 1937, SECRET)


def put(show: Loopback, rung: str, names: list[str], size: int = 1000) -> Path:
    folder = show.paths.hls / rung
    folder.mkdir()
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:0"]
    for n, name in enumerate(names):
        (folder / name).write_bytes(bytes(size * (n + 1)))
        lines += ["#EXTINF:2.000,", name]
    (folder / "index.m3u8").write_text("\n".join(lines))
    return folder


def test_a_rung_goes_to_the_loopback_with_its_own_key(show: Loopback) -> None:
    target = show.target("cam", 960)
    assert target.url == f"rtmp://127.0.0.1:1937/show/cam_960?key={stream_key(SECRET, 'cam_960')}"
    assert target.options["f"] == "flv"


def test_a_rung_is_playable_with_its_first_segment(show: Loopback) -> None:
    assert show.peak_bps("cam", 960) is None
    folder = put(show, "cam_960", [])
    assert show.peak_bps("cam", 960) is None
    (folder / "index.m3u8").unlink()
    folder.rmdir()
    put(show, "cam_960", ["1.ts", "2.ts"])
    assert show.peak_bps("cam", 960) == 2000 * 8 / 2


def test_what_an_earlier_stream_left_is_cleared_and_only_that(show: Loopback) -> None:
    old = put(show, "cam_960", ["1000.ts", "9000.ts"])
    fresh = put(show, "cam_480", ["9000.ts"])
    other = put(show, "cam-2_480", ["1000.ts"])
    show.clear("cam", before_ms=5000)
    assert (old.exists(), fresh.exists(), other.exists()) == (False, True, True)


def test_streams_that_ended_leave_nothing(show: Loopback) -> None:
    live = put(show, "cam_960", ["1.ts"])
    gone = put(show, "gone_960", ["1.ts"])
    show.clear_others({"cam"}, {})
    assert (live.exists(), gone.exists()) == (True, False)
    show.write_playlist("cam", "x")
    show.write_playlist("gone", "y")
    show.withdraw_others({"cam"})
    assert [path.name for path in (show.paths.playlists / "hls").iterdir()] == ["cam.m3u8"]
    show.withdraw_others(set())
    assert not list((show.paths.playlists / "hls").iterdir())


def rung(width: int, profile: str = "Main", audio: bool = True) -> ShownRung:
    return ShownRung(VideoMeta("H264", Size(width, width // 2), profile, 0x40, 31), audio, width * 1000)


def test_the_multivariant_playlist_names_what_there_is() -> None:
    text = multivariant("cam", [rung(3840, "High"), rung(1920), rung(480, "Baseline")], Fraction(30000, 1001))
    playlists = m3u8.loads(text).playlists
    assert [p.uri for p in playlists] == ["cam_1920/index.m3u8", "cam_3840/index.m3u8", "cam_480/index.m3u8"]
    info = [p.stream_info for p in playlists]
    assert [i.codecs for i in info] == ["avc1.4d001f,mp4a.40.2", "avc1.64001f,mp4a.40.2", "avc1.42c01f,mp4a.40.2"]
    assert [i.resolution for i in info] == [(1920, 960), (3840, 1920), (480, 240)]
    assert [i.bandwidth for i in info] == [1920000, 3840000, 480000]
    assert info[0].frame_rate == pytest.approx(29.97, abs=0.001)


def test_without_sound_no_codec_for_it_is_named() -> None:
    assert "mp4a" not in multivariant("cam", [rung(480, audio=False)], Fraction(30))


def test_a_ceiling_counts_sound_and_packets() -> None:
    assert ceiling_bps(Rung(Size(960, 480), 2_300_000)) > 2_300_000 + 96_000
