"""One event from the encoder to video on demand, through everything that `panocast up` starts."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright

from panocast.hls import parse_media_playlist
from panocast.ladder import Size
from panocast.process import Command, run
from panocast.testcard import Card, find_fonts, render_argv
from tests.e2e.browser import launch_chromium
from tests.e2e.platform import Platform, platform, publishing
from tests.e2e.screen import screen_of
from tests.integration.transcoder.checker import check_asset
from tests.media import frame_times, measure_sync
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SOURCE = Size(1280, 640)
CARD = Card(size=SOURCE, fps=25, gop_s=1.0, bitrate_bps=1_200_000)
# An encoder that has gone is waited for a second only.
SHORT_PARTS = {"ORIGIN__PART_S": "5", "ORIGIN__GRACE_S": "1"}


async def playable(platform: Platform, name: str) -> Any:
    """The stream's entry in /live.json once it is there."""
    return await eventually(lambda: platform.live(name))


async def with_rungs(platform: Platform, name: str, widths: list[int]) -> Any:
    """The stream's entry once all its rungs are there; a slow ladder's come one after the other."""
    live = await platform.live(name)
    if live is None or live["rungs"] != widths:
        return None
    master = (await platform.get(live["url"]))[1]
    return live if master.count(b"RESOLUTION=") == len(widths) else None


async def served(platform: Platform, name: str) -> bool:
    """Whether the edge has a stream's multivariant playlist."""
    return (await platform.get(f"/hls/{name}.m3u8"))[0] == 200


async def asset_of(platform: Platform, name: str) -> Any:
    """The one asset of `name`, once it is published."""
    assets = await eventually(lambda: platform.assets(name), within_s=180)
    assert len(assets) == 1
    return assets[0]


async def test_an_event_is_live_on_every_rung_and_then_on_demand(tmp_path: Path) -> None:
    async with platform(tmp_path, settings=SHORT_PARTS) as up:
        async with publishing(up.publish_url("cam"), CARD) as encoder:
            live = await eventually(lambda: with_rungs(up, "cam", [1280, 960, 480]))
            assert live["origin"] == "primary"
            await every_live_rung_decodes(up, live["url"], tmp_path)
            await eventually(lambda: list((tmp_path / "ingest/recordings/cam").glob("*/0002.mp4")))
            frames = await encoder.finish()

        asset = await asset_of(up, "cam")
        folder = f"{up.web}/vod/{asset['id']}"
        master = (await up.get(f"/vod/{asset['id']}/master.m3u8"))[1].decode()
        assert re.findall(r"RESOLUTION=(\S+?),", master) == ["1280x640", "960x480", "640x320"]
        times = await frame_times(f"{folder}/master.m3u8")
        assert len(times) == frames
        steps = [later - earlier for earlier, later in pairwise(times)]
        assert max(abs(step - 1 / CARD.fps) for step in steps) < 0.003, "a gap or an overlap at a part's boundary"

        sync = await measure_sync(f"{folder}/master.m3u8", SOURCE)
        offsets = sync.offsets()
        assert len(offsets) >= frames / CARD.fps - 2, sync
        assert max(map(abs, offsets)) <= 1 / CARD.fps, offsets
        assert json.loads((await up.get(f"/vod/{asset['id']}/asset.json"))[1])["duration_s"] == pytest.approx(
            frames / CARD.fps, abs=0.1
        )
        await eventually(lambda: over(up, "cam", 1280))
        assert not list((tmp_path / "egress/work").rglob("*.m4s")), "work in progress was left behind"


async def every_live_rung_decodes(up: Platform, url: str, folder: Path) -> None:
    """Each rung of the live multivariant playlist decodes, in its own size, and agrees with the others in time."""
    master = (await up.get(url))[1].decode()
    rungs = re.findall(r"RESOLUTION=(\d+)x(\d+).*\n(\S+)", master)
    assert len(rungs) == 3, master
    bounds = []
    for width, height, uri in rungs:
        playlist_url = f"/hls/{uri}"
        status, text = await up.get(playlist_url)
        assert status == 200
        segment = parse_media_playlist(text.decode()).segments[-1]
        copy = folder / f"{width}.mp4"
        parts = [await up.get(f"{playlist_url.rpartition('/')[0]}/{name}") for name in (segment.map_uri, segment.uri)]
        assert [status for status, _ in parts] == [200, 200]
        copy.write_bytes(b"".join(data for _, data in parts))
        frames = await frame_times(str(copy))
        assert len(frames) == pytest.approx(segment.duration_s * CARD.fps, abs=1)
        bounds.append((frames[0], (width, height)))
    segment_times = [start % 1.0 for start, _ in bounds]
    assert max(segment_times) - min(segment_times) < 0.01, f"rungs are cut at different times: {bounds}"


async def assert_plays_through(up: Platform, asset: Any) -> None:
    """A published asset keeps to RFC 8216, and hls.js plays it in Chromium to its end, never short of a picture."""
    with tempfile.TemporaryDirectory() as scratch:
        check_asset(up.state / "egress/vod" / asset["id"], Path(scratch))
    async with async_playwright() as playwright:
        browser = await launch_chromium(playwright)
        try:
            async with screen_of(browser, up.web, f"/vod/{asset['id']}/master.m3u8", "defaults") as shown:

                async def ended() -> bool:
                    return (await shown.look()).ended

                await eventually(ended, within_s=120)
                seen = await shown.look()
        finally:
            await browser.close()
    assert (seen.errors, seen.complaints, seen.waits, seen.back) == ((), (), 0, 0)
    assert seen.time_s == pytest.approx(asset["duration_s"], abs=0.2)


async def over(up: Platform, name: str, width: int) -> bool:
    """Whether a stream is listed no more, and tells the viewers it still has that it came to its end."""
    status, text = await up.get(f"/hls/{name}_{width}/index.m3u8")
    return await up.live(name) is None and (status == 404 or b"#EXT-X-ENDLIST" in text)


async def test_a_viewer_who_is_early_is_served_once_the_stream_starts(tmp_path: Path) -> None:
    async with platform(tmp_path) as up:
        assert (await up.get("/hls/cam.m3u8"))[0] == 404
        async with publishing(up.publish_url("cam"), CARD):
            await eventually(lambda: served(up, "cam"), every_s=0.05)
            assert await playable(up, "cam")


async def test_a_stream_that_only_the_backup_gets_is_live_and_becomes_vod(tmp_path: Path) -> None:
    async with platform(tmp_path, settings=SHORT_PARTS) as up:
        async with publishing(up.publish_url("cam", backup=True), CARD) as encoder:
            assert (await playable(up, "cam"))["origin"] == "backup"
            await eventually(lambda: served(up, "cam"))
            frames = await encoder.finish()
        assert len(await frame_times(f"{up.web}/vod/{(await asset_of(up, 'cam'))['id']}/master.m3u8")) == frames


async def test_one_event_on_both_origins_is_one_asset(tmp_path: Path) -> None:
    async with platform(tmp_path, settings=SHORT_PARTS) as up:
        async with (
            publishing(up.publish_url("cam"), CARD, 8) as first,
            publishing(up.publish_url("cam", backup=True), CARD, 8) as second,
        ):
            await asyncio.gather(first.wait(), second.wait())
        await asset_of(up, "cam")

        async def queue_is_empty() -> bool:
            return not await asyncio.to_thread(lambda: list((tmp_path / "egress/work").rglob("*.json")))

        await eventually(queue_is_empty, within_s=180)
        [asset] = await up.assets("cam")
        assert len(list((tmp_path / "egress/vod/cam").iterdir())) == 1
        await assert_plays_through(up, asset)


async def test_a_file_in_the_watch_folder_becomes_an_asset_and_nonsense_is_answered(tmp_path: Path) -> None:
    uploads = tmp_path / "ingest/uploads"
    uploads.mkdir(parents=True)
    (uploads / "notes.mp4").write_text("these are only words")
    async with platform(tmp_path) as up:
        card = Card(size=Size(640, 320), fps=25, gop_s=1.0, wall_clock=False)
        await run(Command("render", render_argv(tmp_path / "talk.mp4", 4, card, find_fonts())))
        (tmp_path / "talk.mp4").rename(uploads / "talk.mp4")
        asset = await asset_of(up, "talk")
        assert len(await frame_times(f"{up.web}/vod/{asset['id']}/master.m3u8")) == 100
        await assert_plays_through(up, asset)
        failed = tmp_path / "egress/failed/uploads/notes.mp4.json"
        await eventually(failed.exists)
        assert "text" in json.loads(failed.read_text())["reason"]
