"""Players go on when an origin dies: hls.js in Chromium, and ffmpeg's own reader, with every playlist checked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

import pytest
from playwright.async_api import Browser

from panocast.process import Child, Command
from tests.e2e.screen import screen
from tests.e2e.stage import NAME, Stage, stage
from tests.integration.edge.poller import Poller
from tests.integration.origin.live_checker import LiveChecker
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="session")]

RUNGS = 2
STOOD_S = 10.0
"""Longer than this nothing may stand still, not even on a machine that is busy with the test itself."""


@dataclass
class Reader:
    """ffmpeg as a player: how far it has read, in seconds."""

    child: Child | None = None
    read_s: float = 0.0

    def note(self, line: str) -> None:
        """Take a line of ffmpeg's progress."""
        key, _, value = line.partition("=")
        if key == "out_time_us" and value.lstrip("-").isdigit():
            self.read_s = int(value) / 1e6

    async def reads_on(self, until_s: float) -> None:
        """Wait until it has read so far."""
        await eventually(lambda: self.read_s > until_s)


@asynccontextmanager
async def ffmpeg_reading(url: str) -> AsyncIterator[Reader]:
    """ffmpeg decodes the stream at `url` while the block runs."""
    reader = Reader()
    words = ["ffmpeg", "-nostdin", "-loglevel", "level+warning", "-progress", "pipe:1", "-i", url]
    reader.child = Child(Command("reader", [*words, "-map", "0:v:0", "-f", "null", "-"]), on_stdout=reader.note)
    await reader.child.start()
    try:
        yield reader
    finally:
        await reader.child.stop(3)


async def test_players_go_on_through_two_failovers(tmp_path: Path, browser: Browser) -> None:
    async with stage(tmp_path / "state", back_s=120) as running:
        url = f"{running.edge.url}/hls/{NAME}.m3u8"

        async def fetch(path: str) -> tuple[int, bytes]:
            status, body, _ = await running.edge.get(path)
            return status, body

        checker = LiveChecker(fetch, NAME, steady=True)
        async with (
            Poller(running.edge.session, url) as poller,
            screen(browser, running.edge.url, NAME) as shown,
            ffmpeg_reading(url) as reader,
        ):
            for _ in range(2):
                poller.lap()
                await _fail_over(running, poller, checker)
                assert poller.lap() < 1.0 + STOOD_S  # its segments' second
                read_s = reader.read_s
                await shown.plays_on(3)
                await reader.reads_on(read_s + 2)
            seen = await shown.look()
            assert (seen.back, seen.errors) == (0, ())
            assert max(seen.stalls, default=0.0) < STOOD_S
            assert reader.child is not None
            assert reader.child.returncode is None, reader.child.tail
        assert poller.errors == []
        assert checker.problems == []
        assert poller.discontinuities == 0


async def _fail_over(running: Stage, poller: Poller, checker: LiveChecker) -> None:
    """Kill the origin in use, and see the edge go on with the other."""
    await running.both_well(RUNGS)
    used = await running.in_use()
    used.send("all", SIGKILL)
    until = (poller.newest or 0) + 4

    async def gone_on() -> bool:
        await checker.refresh()
        return poller.newest is not None and poller.newest >= until

    await eventually(gone_on, every_s=0.3)

    async def left() -> bool:
        return await running.in_use() is not used

    await eventually(left)  # the first of these segments may have been there before
