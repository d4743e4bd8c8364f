"""The life of mirrors, with origins that are not there."""

from __future__ import annotations

import asyncio
import errno
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from edge.live import Live
from edge.metrics import EdgeMetrics
from edge.mirror import Mirror
from edge.mirrors import Mirrors
from edge.origins import Origins
from edge.shelf import Shelf
from edge.window import Window
from tests.ports import free_port
from tests.unit.edge.test_shelf import stock
from tests.waiting import eventually


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path)
    shelf.create()
    return shelf


def origins_with(*names: str) -> Origins:
    """Origins of which is known that these are published, and that do not answer any more."""
    origins = Origins({"primary": f"http://127.0.0.1:{free_port()}"})
    origins.live = Live(publishing=frozenset(names))
    return origins


def mirrored(name: str = "cam") -> int:
    """How many mirrors of a stream run."""
    return [task.get_name() for task in asyncio.all_tasks()].count(f"mirror of {name}")


@asynccontextmanager
async def running(mirrors: Mirrors) -> AsyncIterator[None]:
    task = asyncio.create_task(mirrors.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def mirrors_of(shelf: Shelf, origins: Origins, idle_s: float = 60.0) -> Mirrors:
    return Mirrors(origins, shelf, shelf.root / "watched.log", EdgeMetrics(), idle_s=idle_s)


class SlowShelf(Shelf):
    """A shelf that is `read` only when it may be."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf.root)
        self.reading, self.may = threading.Event(), threading.Event()

    def saved(self) -> list[Window]:
        windows = super().saved()
        self.reading.set()
        self.may.wait(60)
        return windows


async def test_who_asks_while_saved_streams_are_read_gets_no_mirror_beside_the_saved_one(shelf: Shelf) -> None:
    stock(shelf)
    slow = SlowShelf(shelf)
    mirrors = mirrors_of(slow, origins_with("cam"))
    async with running(mirrors):
        await eventually(slow.reading.is_set, every_s=0.01)
        asking = asyncio.create_task(mirrors.serve("cam", "cam_640/aaaaaaaa-3.m4s"))
        await asyncio.sleep(0)
        slow.may.set()
        await eventually(mirrored, every_s=0.01)
        await asyncio.sleep(0.1)
        assert mirrored() == 1
        asking.cancel()


async def test_a_stream_is_not_idle_between_two_questions_of_one_player(shelf: Shelf) -> None:
    stock(shelf, target_duration_s=40)
    mirrors = mirrors_of(shelf, origins_with("cam"), idle_s=0.0)
    log_file = shelf.root / "watched.log"
    async with running(mirrors):
        for _ in range(2):  # it looked who watches, and once more
            log_file.write_text("x")
            await eventually(lambda: not log_file.read_text(), every_s=0.02)
        assert mirrored() == 1


async def test_a_saved_stream_that_no_origin_has_any_more_ends(shelf: Shelf) -> None:
    stock(shelf)
    (window,) = shelf.saved()
    async with aiohttp.ClientSession() as session:
        mirror = Mirror("cam", origins_with().urls, session, shelf, EdgeMetrics(), window=window, gone_s=0.2)
        running = asyncio.create_task(mirror.run())
        try:
            await eventually(lambda: "#EXT-X-ENDLIST" in (shelf.root / "hls/cam_640/index.m3u8").read_text())
        finally:
            running.cancel()
            await asyncio.wait([running])


class FullDisk(Shelf):
    """No room for a list while it is `full`."""

    full = True

    def put_list(self, text: str) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().put_list(text)


async def test_a_list_that_cannot_be_written_is_said_once_and_written_later(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    full = FullDisk(shelf.root)
    mirrors = mirrors_of(full, origins_with())
    for _ in range(3):
        await mirrors.list_live()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    full.full = False
    await mirrors.list_live()
    assert (shelf.root / "live.json").read_text() == mirrors.listing()
