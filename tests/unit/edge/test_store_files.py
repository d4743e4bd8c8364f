"""Objects of a store that is far away, as viewers get them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from edge.store_files import AT_ONCE, StoreFiles
from panocast.errors import NotFoundError, SetupError, TemporaryError
from panocast.store import Stat
from panocast.store_directory import DirectoryStore
from tests.waiting import eventually

KEY = "vod/talk/20261120T084641Z-upload/1920/00001.m4s"


class Hanging(DirectoryStore):
    """A store that does not answer before it is `released`; notes what it is asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.released = threading.Event()
        self.asked: list[str] = []

    def get_bytes(self, key: str) -> tuple[bytes, Stat]:
        self.asked.append(key)
        self.released.wait(timeout=300)
        raise NotFoundError(key)


class Failing(DirectoryStore):
    """A store that fails."""

    def __init__(self, root: Path, error: Exception) -> None:
        super().__init__(root)
        self.error = error

    def get_bytes(self, key: str) -> tuple[bytes, Stat]:
        raise self.error


async def status(files: StoreFiles, key: str = KEY) -> int:
    request = make_mocked_request("GET", f"/{key}", match_info={"key": key})
    try:
        return (await files.give(request)).status
    except web.HTTPException as answer:
        return answer.status


async def test_a_store_that_hangs_keeps_nobody_elses_work_waiting(tmp_path: Path) -> None:
    store = Hanging(tmp_path)
    files = StoreFiles(store, within_s=0.5)
    try:
        keys = [KEY.replace("00001", f"{n:05d}") for n in range(3 * AT_ONCE)]
        asking = [asyncio.create_task(status(files, key)) for key in keys]
        await asyncio.sleep(0)
        async with asyncio.timeout(60):
            await asyncio.to_thread(lambda: None)  # as live files are written
        assert set(await asyncio.gather(*asking)) == {504}
        assert store.asked == keys[:AT_ONCE]
    finally:
        store.released.set()

    async def missing() -> bool:
        return await status(files, "vod/another") == 404

    assert await eventually(missing)
    assert not set(keys[AT_ONCE:]) & set(store.asked), "what nobody waits for any more was asked for"


@pytest.mark.parametrize("error", [TemporaryError("it is away"), SetupError("there is no such bucket")])
async def test_a_store_that_fails_is_a_bad_gateway(error: Exception, tmp_path: Path) -> None:
    assert await status(StoreFiles(Failing(tmp_path, error))) == 502


async def test_a_reading_that_some_give_up_goes_on_for_the_others(tmp_path: Path) -> None:
    store = Hanging(tmp_path)
    files = StoreFiles(store, within_s=60)
    asking = [asyncio.create_task(status(files)) for _ in range(3)]
    await eventually(lambda: store.asked)
    asking[0].cancel()
    await asyncio.sleep(0)
    store.released.set()
    assert await asyncio.gather(*asking[1:]) == [404, 404]
    assert store.asked == [KEY]
