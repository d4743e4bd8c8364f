"""What `/live.json` says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from origin.live import LiveStream, Places
from origin.paths import OriginPaths
from origin.refusals import Refusal
from origin.report import live_report, sphere_of
from origin.show import Show
from origin.stat import Published, VideoMeta
from panocast.ladder import Size
from panocast.projection import Projection, Stereo
from panocast.settings import StreamSettings

NOW = datetime(2026, 11, 20, 8, 46, 41, 123456, tzinfo=UTC)


async def test_what_is_playable_and_what_was_refused(tmp_path: Path) -> None:
    places = Places(str, Show(OriginPaths(tmp_path), 1937, b""), lambda _: None)
    early, playing = LiveStream("early", NOW, places), LiveStream("cam", NOW, places)
    playing.widths = (1920, 960)
    test = Published("qa", "bars", 1, 5.0, 0, VideoMeta("H264", Size(3840, 3840), "High", 0, 51), None)
    told = {"cam": StreamSettings(title="Stage", projection=Projection.EAC, stereo=Stereo.LEFT_RIGHT)}
    refused = [Refusal("dog", "no key", NOW, NOW)]
    report = live_report("backup", {"early": early, "cam": playing}, {"bars": test}, refused, told)
    assert [entry["name"] for entry in report["live"]] == ["cam", "bars"], "only what is playable"
    assert report["live"][0] == {
        "name": "cam",
        "title": "Stage",
        "projection": "eac",
        "stereo": "left-right",
        "url": "/hls/cam.m3u8",
        "since": "2026-11-20T08:46:41Z",
        "origin": "backup",
        "rungs": [1920, 960],
        "warnings": [],
    }
    bars = report["live"][1]
    assert (bars["title"], bars["url"], bars["rungs"]) == ("bars", "/testhls/bars.m3u8", [3840])
    assert (bars["projection"], bars["stereo"]) == ("equirectangular", "top-bottom")
    assert report["refused"] == [{"name": "dog", "reason": "no key", "since": "2026-11-20T08:46:41Z"}]


def test_settings_are_stronger_than_the_shape() -> None:
    square = Size(2000, 2000)
    assert sphere_of(StreamSettings(), square) == (Projection.EQUIRECTANGULAR, Stereo.TOP_BOTTOM)
    assert sphere_of(StreamSettings(stereo=Stereo.MONO), square)[1] is Stereo.MONO
    assert sphere_of(StreamSettings(), None)[1] is Stereo.MONO
