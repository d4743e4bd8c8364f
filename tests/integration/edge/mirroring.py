"""An edge that mirrors two origins which do as they are told, and what its viewers ask for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.integration.edge.fake_origin import NAME, FakeOrigin, Program, broadcast
from tests.integration.edge.running import Edge, running_edge
from tests.waiting import eventually

MASTER = f"/hls/{NAME}.m3u8"
RUNG = f"/hls/{NAME}_640/index.m3u8"


@asynccontextmanager
async def mirroring(
    state: Path, *, apart: bool = False, **overrides: str | int | float
) -> AsyncIterator[tuple[Edge, FakeOrigin, FakeOrigin]]:
    async with AsyncExitStack() as stack:
        primary = await stack.enter_async_context(FakeOrigin("primary").serving())
        backup = await stack.enter_async_context(FakeOrigin("backup").serving())
        edge = await stack.enter_async_context(
            running_edge(
                state, apart=apart, edge={"live": "mirror", "primary": primary.url, "backup": backup.url, **overrides}
            )
        )
        yield edge, primary, backup


@asynccontextmanager
async def on_air(program: Program, *origins: FakeOrigin) -> AsyncIterator[None]:
    """A broadcast to these origins."""
    task = asyncio.create_task(broadcast(program, origins))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def several(program: Program, *origins: FakeOrigin, count: int = 5) -> str:
    """Announce some segments at once; gives the last one's name."""
    for _ in range(count):
        segment = program.next()
        for origin in origins:
            origin.announce(segment)
    return segment.name


async def listed(edge: Edge) -> dict[str, str]:
    """The stream's entry in /live.json."""
    live = json.loads((await edge.get("/live.json"))[1])["live"]
    return next((stream for stream in live if stream["name"] == NAME), {})


async def figures(edge: Edge) -> dict[str, float]:
    """What the agent tells of itself, by name and labels."""
    async with edge.session.get(f"{edge.agent_url}/metrics") as response:
        lines = [line for line in (await response.text()).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def until_playable(edge: Edge) -> None:
    async def playable() -> bool:
        return (await edge.get(MASTER))[0] == 200

    await eventually(playable, every_s=0.1)
