"""One mirror, or all of them, without nginx in front: what they ask an origin for, and when they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from edge.live import Live
from edge.metrics import EdgeMetrics
from edge.mirror import Mirror
from edge.mirrors import Mirrors
from edge.origins import Origins
from edge.shelf import Shelf
from tests.integration.edge.fake_origin import NAME, FakeOrigin, Program, init_of
from tests.integration.edge.mirroring import several
from tests.waiting import eventually

pytestmark = pytest.mark.slow


class HangingOrigin(FakeOrigin):
    """An origin that never answers paths with `hangs` in them, and has no file with `lacks` in its path."""

    hangs = lacks = "nothing"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ends = asyncio.Event()

    async def die(self) -> None:
        self._ends.set()
        await super().die()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.hangs in request.path:
            self.asked[request.path] += 1
            await self._ends.wait()
        return await super()._answer(request)

    def _file(self, path: str) -> bytes | None:
        return None if self.lacks in path else super()._file(path)

    def fetched(self, *parts: str) -> int:
        """How many paths with all these parts it was asked for."""
        return sum(all(part in path for part in parts) for path in self.asked)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path)
    shelf.create()
    return shelf


@asynccontextmanager
async def mirroring_from(origin: FakeOrigin, shelf: Shelf) -> AsyncIterator[Mirror]:
    async with origin.serving(), aiohttp.ClientSession() as session:
        mirror = Mirror(NAME, {origin.role: origin.url}, session, shelf, EdgeMetrics())
        running = asyncio.create_task(mirror.run())
        try:
            yield mirror
        finally:
            running.cancel()
            await asyncio.wait([running])


async def test_a_link_that_is_too_slow_for_the_largest_rung_does_not_hold_up_the_others(shelf: Shelf) -> None:
    origin = HangingOrigin("primary")
    origin.hangs = f"{NAME}_640/aaaaaaaa"
    program = Program(duration_ms=10_000)  # the edge's patience is three times as long
    async with mirroring_from(origin, shelf):
        for count in (1, 11):
            name = several(program, origin, count=count)
            await eventually(partial(shelf.has, f"{NAME}_320/{name}"), within_s=20)
        assert origin.fetched(f"{NAME}_640/aaaaaaaa") < 4


async def test_without_its_init_segment_no_segment_is_fetched(shelf: Shelf) -> None:
    origin = HangingOrigin("primary")
    init, _ = init_of(640)
    origin.lacks = init
    several(Program(), origin)
    async with mirroring_from(origin, shelf):
        await eventually(lambda: origin.asked[f"/hls/{NAME}_640/{init}"] > 3)
        assert not origin.fetched(f"{NAME}_640/aaaaaaaa")


async def test_who_asks_for_a_stream_that_never_began_and_went_is_told_so_at_once_and_keeps_no_mirror(
    shelf: Shelf,
) -> None:
    async with FakeOrigin("primary").serving() as origin:
        origins = Origins({origin.role: origin.url})
        origins.live = Live(publishing=frozenset([NAME]))
        mirrors = Mirrors(origins, shelf, shelf.root / "watched.log", EdgeMetrics(), idle_s=0.5)
        running = asyncio.create_task(mirrors.run())

        async def watch() -> None:
            while True:
                await mirrors.serve(NAME, f"{NAME}.m3u8")
                await asyncio.sleep(0.1)

        viewer = asyncio.create_task(watch())
        try:
            await eventually(lambda: origin.asked[f"/feed/{NAME}"])
            origins.live = Live()

            async def over() -> bool:
                try:
                    async with asyncio.timeout(3):  # the mirrors would wait for four seconds each time
                        assert not await mirrors.serve(NAME, f"{NAME}.m3u8")
                except TimeoutError:
                    return False
                return f"mirror of {NAME}" not in {task.get_name() for task in asyncio.all_tasks()}

            await eventually(over)
        finally:
            viewer.cancel()
            running.cancel()
            await asyncio.wait([running])
