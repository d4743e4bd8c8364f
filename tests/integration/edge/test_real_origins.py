"""An edge in front of two real origins on one timeline, an encoder that publishes to both, and a strict viewer."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.edge.poller import Poller
from tests.integration.edge.running import Edge, running_edge
from tests.integration.origin.encoder import argv, publishing
from tests.integration.origin.live_checker import LiveChecker
from tests.integration.origin.running import Origin, running_origin
from tests.ports import free_ports
from tests.waiting import eventually

pytestmark = pytest.mark.slow

NAME = "cam"
LONG_S = 20.0
"""Longer than this not even a machine that stands still for a while makes viewers wait for the next second."""


@dataclass
class Event:
    """A running event: both origins, the edge, and two viewers of it."""

    primary: Origin
    backup: Origin
    edge: Edge
    poller: Poller
    checker: LiveChecker

    async def in_use(self) -> tuple[Origin, Origin]:
        """The origin that the edge says it uses, and the other one."""

        async def told() -> str:
            live = json.loads((await self.edge.get("/live.json"))[1])["live"]
            return next((str(stream["origin"]) for stream in live if stream["name"] == NAME), "")

        role = await eventually(told)
        return (self.primary, self.backup) if role == "primary" else (self.backup, self.primary)

    async def uses(self, origin: Origin) -> None:
        """Wait until the edge says that it uses this one: the first segments may be some that were there before."""

        async def left() -> bool:
            return (await self.in_use())[0] is origin

        await eventually(left)

    def unnoticed(self) -> None:
        """Whatever happened, no viewer saw it."""
        assert self.poller.errors == []
        assert self.checker.problems == []
        assert self.poller.discontinuities == 0

    async def segments(self, count: int) -> None:
        """Wait until so many more segments of every rung were shown and checked."""
        until = (self.poller.newest or 0) + count

        async def shown() -> bool:
            await self.checker.refresh()
            return self.poller.newest is not None and self.poller.newest >= until

        await eventually(shown, every_s=0.5)


def to_both(primary: str, backup: str) -> list[str]:
    """An encoder that publishes the same bytes to two URLs, and goes on with one when the other is away."""
    words = argv("-", size="1280x640", fps=15, gop_s=1.0)
    target = "f=flv:onfail=ignore:use_fifo=1:fifo_options=drop_pkts_on_overflow=1:flvflags=no_duration_filesize"
    outputs = "|".join(f"[{target}]{url}" for url in (primary, backup))
    return [*words[:-5], "-flags", "+global_header", "-map", "0:v", "-map", "1:a", "-f", "tee", outputs]


@asynccontextmanager
async def event(state: Path) -> AsyncIterator[Event]:
    http_ports = free_ports(2)
    urls = [f"http://127.0.0.1:{port}" for port in http_ports]
    async with AsyncExitStack() as stack:

        async def origin(index: int, role: str) -> Origin:
            (state / role).mkdir()
            starting = running_origin(state / role, role=role, http_port=http_ports[index], peer=urls[1 - index])
            return await stack.enter_async_context(starting)

        primary, backup = await origin(0, "primary"), await origin(1, "backup")
        settings: dict[str, str | int | float] = {"primary": urls[0], "backup": urls[1], "back_s": 600}
        edge = await stack.enter_async_context(running_edge(state, edge=settings))
        await stack.enter_async_context(publishing(to_both(primary.url(NAME), backup.url(NAME))))

        async def fetch(path: str) -> tuple[int, bytes]:
            status, body, _ = await edge.get(path)
            return status, body

        async def playable() -> bool:
            return (await edge.get(f"/hls/{NAME}.m3u8"))[0] == 200

        await eventually(playable)
        poller = await stack.enter_async_context(Poller(edge.session, f"{edge.url}/hls/{NAME}.m3u8"))
        yield Event(primary, backup, edge, poller, LiveChecker(fetch, NAME))


async def test_an_origin_that_is_killed_is_not_missed(tmp_path: Path) -> None:
    async with event(tmp_path) as running:
        await running.segments(6)
        serving, other = await running.in_use()
        running.poller.lap()
        await asyncio.gather(serving.nginx.kill(), serving.agent.kill())
        await running.segments(8)
        await running.uses(other)
        running.unnoticed()
        assert running.poller.lap() < LONG_S


@pytest.mark.parametrize("which", [("ladder",), ("ladder", "passthrough")], ids=["ladder", "both"])
async def test_an_ffmpeg_that_hangs_is_not_missed(which: tuple[str, ...], tmp_path: Path) -> None:
    async with event(tmp_path) as running:
        await running.segments(6)
        serving, other = await running.in_use()
        found = serving.ffmpegs()
        assert set(found) == {"ladder", "passthrough"}
        running.poller.lap()
        for each in which:
            os.kill(found[each], signal.SIGSTOP)
        await running.segments(3)
        await running.uses(other)
        running.unnoticed()
        assert running.poller.lap() < LONG_S
