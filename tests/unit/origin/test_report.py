"""What `/live.json` says."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from origin.keyframes import KeyframeMeter
from origin.ladder import Source
from origin.live import LiveStream
from origin.refusals import Refusal
from origin.report import live_report, sphere_of
from origin.show import Client
from origin.stat import Published, Stat, VideoMeta
from panocast.ladder import Size
from panocast.projection import Projection, Stereo
from panocast.settings import StreamSettings

NOW = datetime(2026, 11, 20, 8, 46, 41, 123456, tzinfo=UTC)


class Shown:
    """A show, and a packager, whose only streams are those it is told of."""

    def __init__(self, widths: tuple[int, ...], shed: tuple[int, ...] = ()) -> None:
        self.widths, self.shed = widths, shed
        self.expected: list[str] = []

    async def step(self, source: Source, seen: Published, stat: Stat) -> None: ...

    def warnings(self) -> list[str]:
        return []

    async def stop(self) -> None: ...

    async def expect(self, name: str, client: int) -> None: ...

    def reader_came(self, name: str) -> None: ...

    def open(self, name: str, client: Client, meter: KeyframeMeter) -> Shown:
        return self

    async def tidy(self, live: Collection[str], stat: Stat) -> None: ...

    async def close(self) -> None: ...


def stream(name: str, shown: Shown) -> LiveStream:
    return LiveStream(name, (1, 1), NOW, shown, lambda _: None)


async def test_what_is_playable_and_what_was_refused() -> None:
    early, playing = stream("early", Shown(())), stream("cam", Shown((1920, 960), (3840,)))
    test = Published("qa", "bars", 1, 5.0, 0, VideoMeta("H264", Size(3840, 3840), "High", 0, 51), None)
    told = {"cam": StreamSettings(title="Stage", projection=Projection.EAC, stereo=Stereo.LEFT_RIGHT, yaw_deg=90)}
    refused = [Refusal("dog", "no key", NOW, NOW)]
    report = live_report("backup", {"early": early, "cam": playing}, {"bars": test}, ["coming"], refused, told)
    assert [entry["name"] for entry in report["live"]] == ["cam", "bars"], "only what is playable"
    assert report["live"][0] == {
        "name": "cam",
        "title": "Stage",
        "projection": "eac",
        "stereo": "left-right",
        "orientation": {"yaw_deg": 90, "pitch_deg": 0, "roll_deg": 0},
        "url": "/hls/cam.m3u8",
        "since": "2026-11-20T08:46:41Z",
        "origin": "backup",
        "rungs": [1920, 960],
        "shed": [3840],
        "warnings": [],
    }
    assert report["publishing"] == ["cam", "coming", "early"], "everything that is let in"
    bars = report["live"][1]
    assert (bars["title"], bars["url"], bars["rungs"]) == ("bars", "/testhls/bars.m3u8", [3840])
    assert (bars["projection"], bars["stereo"]) == ("equirectangular", "top-bottom")
    assert report["refused"] == [{"name": "dog", "reason": "no key", "since": "2026-11-20T08:46:41Z"}]


def test_settings_are_stronger_than_the_shape() -> None:
    square = Size(2000, 2000)
    assert sphere_of(StreamSettings(), square) == (Projection.EQUIRECTANGULAR, Stereo.TOP_BOTTOM)
    assert sphere_of(StreamSettings(stereo=Stereo.MONO), square)[1] is Stereo.MONO
    assert sphere_of(StreamSettings(), None)[1] is Stereo.MONO
