"""Recording stops before the disk is full, however long a store takes, and goes on once there is room."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from origin.journal import Journal
from origin.paths import OriginPaths
from origin.recorder import Recorder
from origin.recordings import Recordings
from origin.rtmp_server import RtmpServer
from origin.stat import Published, Stat
from origin.valve import Valve
from panocast.errors import TemporaryError
from panocast.store_directory import DirectoryStore
from tests.waiting import eventually


class FakeServer(RtmpServer):
    """An nginx with one publisher, which is away at first when told so."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.stopped: list[str] = []

    async def stat(self) -> Stat:
        return Stat(100, (Published("live", "cam", 7, 1.0, 0, None, None),))

    async def stop_recording(self, app: str, name: str, recorder: str) -> None:
        if self.away:
            raise TemporaryError("nginx is away")
        self.stopped.append(f"{app}/{name} {recorder}")


@pytest.fixture
def paths(tmp_path: Path) -> OriginPaths:
    paths = OriginPaths(tmp_path)
    paths.make()
    return paths


async def test_it_shuts_and_opens_and_knows_when_nothing_is_open_any_more(paths: OriginPaths) -> None:
    server = FakeServer(away=True)
    valve = Valve(paths, server, 100)
    await valve.turn(100)
    assert (valve.shut, paths.recordings_way.exists()) == (False, True)
    with pytest.raises(TemporaryError):
        await valve.turn(99)
    assert (valve.shut, valve.closed_all, paths.recordings_way.is_symlink()) == (True, False, False)
    server.away = False
    await valve.turn(99)
    assert (valve.shut, valve.closed_all, server.stopped) == (True, True, ["live/cam parts"])
    await valve.turn(199)
    assert (valve.shut, valve.closed_all) == (True, True)
    await valve.turn(200)
    assert (valve.shut, valve.closed_all, paths.recordings_way.resolve()) == (False, False, paths.recordings.resolve())


class HangingStore(DirectoryStore):
    """One that does not answer before it is `released`."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked, self.released = threading.Event(), threading.Event()

    def put_bytes(self, key: str, data: bytes, **options: object) -> bool:
        self.asked.set()
        self.released.wait(timeout=300)
        return super().put_bytes(key, data, **options)  # type: ignore[arg-type]


async def test_a_store_that_hangs_keeps_neither_the_valve_nor_the_alarm(paths: OriginPaths) -> None:
    server, store = FakeServer(), HangingStore(paths.folder / "ingest")
    journal = Journal(paths.sessions, "primary")
    over = journal.begin("over", 99, 1, datetime.now(UTC) - timedelta(hours=1))
    journal.update(over, parts=1)  # its end marker is what hangs
    recorder = Recorder(paths, store, journal, "primary", {})
    valve = Valve(paths, server, 1 << 60)
    recordings = Recordings(recorder, paths.recordings, valve, server.stat, server.stat, disk_low_bytes=0)
    storing = asyncio.create_task(recordings.run())
    try:
        await eventually(store.asked.is_set)
        guarding = asyncio.create_task(recordings.guard(pause_s=0.01))
        await eventually(lambda: server.stopped and not paths.recordings_way.is_symlink())
        await eventually(lambda: any("nothing is recorded" in warning for warning in recordings.warnings()))
        guarding.cancel()
        storing.cancel()
        await asyncio.gather(guarding, storing, return_exceptions=True)
    finally:
        store.released.set()
