"""`kill -9` of any one process: the stream, the recording and the VOD come out right."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from infra.local.demo import publish_command
from panocast.feed import SEGMENT_NAME
from panocast.hls import parse_media_playlist
from panocast.ladder import Size
from panocast.service import Backoff, Service
from panocast.testcard import Card
from tests.e2e.platform import Platform, platform, publishing
from tests.integration.origin.media import count_frames
from tests.media import frame_times
from tests.processes import live_ffmpegs
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CARD = Card(size=Size(640, 320), fps=25, gop_s=1.0, bitrate_bps=500_000)
PART_S = 5
SETTINGS = {"ORIGIN__PART_S": str(PART_S)}
RUNG = "/hls/cam_640/index.m3u8"
INGESTING_NGINX = "primary origin nginx"
THE_OTHERS = (
    "primary origin agent",
    "backup origin nginx",
    "backup origin agent",
    "edge nginx",
    "edge agent",
    "worker",
)


async def newest_segment(up: Platform) -> int | None:
    """The number of the newest live segment that viewers can get; None while there is none."""
    with suppress(Exception):
        status, body = await up.get(RUNG)
        segments = parse_media_playlist(body.decode()).segments if status == 200 else ()
        named = SEGMENT_NAME.fullmatch(segments[-1].uri) if segments else None
        return int(named["number"]) if named else None
    return None


async def kill(up: Platform, pid: int) -> None:
    """`kill -9`, then wait until viewers get segments that are newer than any before it, and the stream is listed."""
    known = await eventually(lambda: newest_segment(up)) or 0
    os.kill(pid, signal.SIGKILL)

    async def newer() -> bool:
        newest = await newest_segment(up)
        with suppress(Exception):
            # One or two may have been under way already.
            return newest is not None and newest > known + 2 and await up.live("cam") is not None
        return False

    await eventually(newer, within_s=60)


async def test_no_frame_is_lost_when_anything_but_the_ingesting_nginx_is_killed(tmp_path: Path) -> None:
    async with platform(tmp_path, settings=SETTINGS) as up, publishing(up.publish_url("cam"), CARD) as encoder:
        await eventually(lambda: up.live("cam"))
        for name in THE_OTHERS:
            await kill(up, up.children()[name])
        ffmpegs = live_ffmpegs(up.children()["primary origin agent"])
        assert len(ffmpegs) == 2
        for pid in ffmpegs.values():
            await kill(up, pid)
        assert encoder.returncode is None, "it was dropped"
        frames = await encoder.finish()
        [asset] = await eventually(lambda: up.assets("cam"), within_s=240)
        assert len(await frame_times(f"{up.web}/vod/{asset['id']}/master.m3u8")) == frames


@asynccontextmanager
async def reconnecting(url: str) -> AsyncIterator[Service]:
    """An encoder that connects again whenever it is dropped, as OBS does."""
    service = Service(publish_command(url, CARD), backoff=Backoff(first_s=1.0, most_s=1.0))
    task = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def second_part(state: Path) -> Path | None:
    """The file that nginx writes once the first part is stored, and has written two seconds or so of."""
    if not list((state / "ingest/recordings/cam").glob("*/0001.mp4")):
        return None
    with suppress(FileNotFoundError):  # stored this moment
        growing = (state / "origin-primary/recordings").glob("cam-*.flv")
        return next((file for file in growing if file.stat().st_size > 100_000), None)
    return None


async def test_what_was_recorded_before_the_ingesting_nginx_is_killed_becomes_vod(tmp_path: Path) -> None:
    # Without a time of grace: what comes after is a recording of its own.
    async with platform(tmp_path, settings={**SETTINGS, "ORIGIN__GRACE_S": "0"}) as up:
        async with reconnecting(up.publish_url("cam")):
            await eventually(lambda: up.live("cam"))
            written = await eventually(lambda: second_part(tmp_path))
            assert written
            (tmp_path / "written.flv").hardlink_to(written)  # to be looked at once it is stored and gone
            await kill(up, up.children()[INGESTING_NGINX])
            # Segments that were under way may have come by now; the encoder stays until it is recorded again.
            await eventually(lambda: len([*(tmp_path / "ingest/recordings/cam").glob("*/0001.mp4")]) == 2)

        async def both() -> bool:
            return len(await up.assets("cam")) == 2

        await eventually(both, within_s=240)
        second, first = await up.assets("cam")
        assert first["id"] < second["id"]
        # The first part is there, and all of the second one that nginx had written.
        frames = len(await frame_times(f"{up.web}/vod/{first['id']}/master.m3u8"))
        assert frames >= PART_S * CARD.fps + await count_frames(tmp_path / "written.flv") > PART_S * CARD.fps
        assert len(await frame_times(f"{up.web}/vod/{second['id']}/master.m3u8")) > 0
