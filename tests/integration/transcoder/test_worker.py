"""The worker's promises: one result whatever is delivered, nothing lost, nothing done by two, given back at once."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from panocast.errors import TemporaryError
from panocast.layout import PartKey
from panocast.store import Store
from tests.integration.transcoder.site import Site, alive, session_at
from tests.waiting import eventually
from transcoder.jobs import event_body
from transcoder.markers import part_attempt_prefix
from transcoder.part import files_of, read_part_marker, transcode_part
from transcoder.worker import Worker

pytestmark = pytest.mark.slow
SESSION = session_at()


# ------------------------------------------------------------------------------------------------------- the gate


class Gate:
    """A stub that stands before ffmpeg: it says that it started, and starts ffmpeg once the gate is open."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.log = folder / "started"
        self.open_file = folder / "open"
        real = shutil.which("ffmpeg")
        script = f"#!/bin/sh\necho $$ >> '{self.log}'\n"
        script += f"while [ ! -e '{self.open_file}' ]; do sleep 0.05; done\nexec {real} \"$@\"\n"
        stub = folder / "ffmpeg"
        stub.write_text(script)
        stub.chmod(0o755)

    @property
    def path(self) -> str:
        """A PATH on which the stub is ffmpeg."""
        return f"{self.folder}:{os.environ['PATH']}"

    def open(self) -> None:
        """Let everybody through."""
        self.open_file.touch()

    def pids(self) -> list[int]:
        """Everybody that came so far."""
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A closed gate; opened at the end, so that nobody waits for ever."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()


@asynccontextmanager
async def worker_process(site: Site, gate: Gate, **settings: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """`transcoder worker` as a process of its own, behind the gate."""
    values = {"preset": "superfast", "segment_s": 1, "visibility_s": 2, "yielding": False, "retry_s": 0, **settings}
    variables = {f"PANOCAST_TRANSCODER__{key.upper()}": str(value) for key, value in values.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "transcoder.cli", "worker", "--state", str(site.root)),
        env={**os.environ, **variables, "PATH": gate.path},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


# ------------------------------------------------------------------------------------------- duplicates and order


async def test_every_message_twice_and_in_the_wrong_order_gives_one_asset(site: Site, small_parts: list[Path]) -> None:
    keys = site.record(SESSION, small_parts, announce=False)
    site.announce(*reversed(keys), *keys, *reversed(keys))
    await site.work(concurrency=3)
    assert len(site.check(SESSION).video[320].times_s) == 60  # the checker minds leftovers
    assert len(site.catalog()) == 1
    assert site.queue.dead() == []


async def test_messages_that_come_after_the_asset_change_nothing(site: Site, small_parts: list[Path]) -> None:
    keys = site.record(SESSION, small_parts)
    await site.work()
    before = {stat.key: stat.etag for stat in site.egress.list("")}
    site.announce(*keys)
    await site.work()
    assert {stat.key: stat.etag for stat in site.egress.list("")} == before


async def test_one_message_of_several_records_is_split(site: Site, small_parts: list[Path]) -> None:
    keys = site.record(SESSION, small_parts, announce=False)
    records = [record for key in keys for record in json.loads(event_body(key))["Records"]]
    site.queue.send(json.dumps({"Records": records}))
    await site.work()
    site.check(SESSION)


async def test_the_same_upload_announced_twice_is_one_asset_and_another_file_is_another(
    site: Site, small: Path
) -> None:
    key = site.upload("a.mp4", small)
    site.announce(key)
    await site.work()
    site.announce_parts()
    site.announce(key)
    await site.work()
    assert len(site.masters()) == 1
    site.upload("again/a.mp4", small)
    await site.work()
    site.announce_parts()
    await site.work()
    assert len(site.masters()) == 2


async def test_two_workers_share_one_recording(site: Site, card_parts: list[Path]) -> None:
    site.record(SESSION, card_parts)
    await asyncio.gather(site.work(), site.work())
    site.check(SESSION)
    assert len(site.catalog()) == 1


async def test_many_assets_finished_at_once_are_all_in_the_catalog(site: Site, small_parts: list[Path]) -> None:
    sessions = [session_at(i, name=f"cam{i}") for i in range(6)]
    for session in sessions:
        site.record(session, small_parts[:1])
    await site.work(concurrency=6)
    assert {entry["id"] for entry in site.catalog()} == {session.path for session in sessions}
    published = [entry["published"] for entry in site.catalog()]
    assert published == sorted(published, reverse=True)


# ------------------------------------------------------------------------------------------------ leases and ends


async def test_the_heartbeat_holds_a_job_longer_than_the_visibility(
    site: Site, small: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guarantee 8: with 2 s of visibility and a job of three times that, a second worker never gets it."""
    monkeypatch.setenv("PATH", gate.path)
    site.record(SESSION, [small])
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(site.work(visibility_s=2)) for _ in range(2)]
        await eventually(gate.pids, within_s=60)
        begun = time.monotonic()
        while time.monotonic() < begun + 6:
            assert len(gate.pids()) == 1
            await asyncio.sleep(0.2)
        gate.open()
    assert all(task.done() for task in workers)
    site.check(SESSION)


async def test_a_paused_worker_that_lost_its_lease_leaves_no_trace(site: Site, small: Path, gate: Gate) -> None:
    """Guarantee 6: it is stopped until its lease is over and another has finished, and then goes on."""
    site.record(SESSION, [small])
    async with worker_process(site, gate) as paused:
        await eventually(gate.pids, within_s=60)
        paused.send_signal(signal.SIGSTOP)
        gate.open()
        await site.work(visibility_s=5)
        before = {stat.key: stat.etag for stat in site.egress.list("")}
        site.check(SESSION)
        paused.send_signal(signal.SIGCONT)
        scratch = site.root / "scratch"
        await eventually(lambda: not list(scratch.glob("worker-*/*")), within_s=60)
        assert {stat.key: stat.etag for stat in site.egress.list("")} == before
        paused.send_signal(signal.SIGTERM)
        assert await paused.wait() == 0


async def test_what_a_killed_worker_had_is_finished_by_the_next(
    site: Site, small_parts: list[Path], gate: Gate
) -> None:
    """Guarantee 1, one case of it: SIGKILL in the middle of a job."""
    site.record(SESSION, small_parts, announce=False)  # the watcher will, and only once
    async with worker_process(site, gate) as victim:
        (pid,) = await eventually(gate.pids, within_s=60)
        victim.kill()
        await victim.wait()
        await eventually(lambda: not alive(pid), within_s=10)  # no ffmpeg outlives its worker
    gate.open()
    assert list((site.root / "scratch").glob("worker-*"))
    async with worker_process(site, gate) as heir:
        await eventually(site.masters, within_s=60)
        await eventually(lambda: not site.keys("work/"), within_s=10)
        assert len(list((site.root / "scratch").glob("worker-*"))) == 1, "the leftovers of the killed one are swept"
        heir.terminate()
        assert await heir.wait() == 0
    assert len(site.check(SESSION).video[320].times_s) == 60
    assert site.queue.dead() == []


async def test_an_attempt_that_ends_after_the_asset_is_out_leaves_no_trace(
    site: Site, small: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guarantee 6, where nobody even noticed that the lease was lost."""
    path = os.environ["PATH"]
    site.record(SESSION, [small])
    monkeypatch.setenv("PATH", gate.path)
    late = asyncio.create_task(transcode_part(site.place(), PartKey(SESSION, 1)))
    await eventually(gate.pids, within_s=60)
    monkeypatch.setenv("PATH", path)
    await site.work()
    site.check(SESSION)
    before = {stat.key: stat.etag for stat in site.egress.list("")}
    gate.open()
    await late
    assert {stat.key: stat.etag for stat in site.egress.list("")} == before


async def test_of_two_attempts_at_once_one_is_kept_whole(
    site: Site, small: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.record(SESSION, [small], closed=False, announce=False)
    monkeypatch.setenv("PATH", gate.path)
    attempts = [asyncio.create_task(transcode_part(site.place(), PartKey(SESSION, 1))) for _ in range(3)]
    await eventually(lambda: len(gate.pids()) == 3, within_s=60)
    gate.open()
    await asyncio.gather(*attempts)
    found = await read_part_marker(site.place(), PartKey(SESSION, 1))
    assert found is not None
    marker, _ = found
    kept = {f"{SESSION.work_prefix}0001.json"}
    kept |= {
        f"{part_attempt_prefix(SESSION, 1, marker.attempt)}{name}"
        for name in files_of(marker.rungs, aside=marker.sound)
    }
    assert set(site.keys("")) == kept


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_told_to_stop_gives_its_job_back_at_once(
    site: Site, small: Path, gate: Gate, number: signal.Signals
) -> None:
    """Guarantee 7: with 600 s of visibility, only a give-back makes the message available again."""
    site.record(SESSION, [small], closed=False, announce=False)  # the watcher of the process will
    async with worker_process(site, gate, visibility_s=600) as process:
        (pid,) = await eventually(gate.pids, within_s=60)
        process.send_signal(number)
        begun = time.monotonic()
        assert await process.wait() == 0
        assert time.monotonic() - begun < 10
    assert not alive(pid)
    assert site.queue.depth().held == 0
    assert site.queue.depth().waiting == 1
    assert site.keys("") == []
    assert not list((site.root / "scratch").iterdir())


# -------------------------------------------------------------------------------------------------------- failures


def stub(folder: Path, script: str) -> str:
    """A PATH on which ffmpeg is a script; $real is the real one."""
    folder.mkdir()
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\nreal={shutil.which('ffmpeg')}\n{script}\n")
    path.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


async def test_a_job_that_fails_is_retried_and_its_failure_forgotten(
    site: Site, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = f"if [ ! -e {site.root}/failed-once ]; then touch {site.root}/failed-once; echo 'no luck' >&2; exit 9; fi"
    monkeypatch.setenv("PATH", stub(site.root / "stub", f'{once}\nexec $real "$@"'))
    site.record(SESSION, [small])
    await site.work()
    site.check(SESSION)
    assert site.queue.dead() == []
    assert site.keys("failed/") == []


async def test_a_job_that_keeps_failing_is_set_aside_with_its_reason_and_can_be_retried(
    site: Site, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", stub(site.root / "stub", "echo x >> $0.log; echo 'No space left on device' >&2; exit 1"))
    key = site.upload("a.mp4", small)
    await site.work(tries=3)
    assert (site.root / "stub" / "ffmpeg.log").read_text() == "x\n" * 3
    (dead,) = site.queue.dead()
    assert "No space left on device" in dead.reason
    assert site.failed(key)["tries"] == 3
    monkeypatch.setenv("PATH", path)
    site.queue.retry_dead(dead.id)
    await site.work()
    site.announce_parts()
    await site.work()
    assert len(site.masters()) == 1
    assert site.keys("failed/") == []


async def test_retries_wait_longer_each_time(site: Site, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", stub(site.root / "stub", "date +%s.%N >> $0.log; exit 1"))
    site.upload("a.mp4", small)
    await site.work(tries=3, retry_s=0.5)
    first, second, third = map(float, (site.root / "stub" / "ffmpeg.log").read_text().split())
    assert second - first >= 0.5
    assert third - second >= 1.0


async def test_an_ffmpeg_that_hangs_is_ended_and_the_job_retried(
    site: Site, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", stub(site.root / "stub", "echo $$ >> $0.log; exec sleep 1000"))
    key = site.upload("a.mp4", small)
    place = replace(site.place(tries=2), stall_s=0.5)
    async with asyncio.timeout(60):
        await Worker(place, stop=asyncio.Event(), until_idle=True, wait_s=0.1).run()
    assert "did not get on" in site.failed(key)["reason"]
    pids = [int(pid) for pid in (site.root / "stub" / "ffmpeg.log").read_text().split()]
    assert len(pids) == 2
    assert not any(map(alive, pids))


class Flaky:
    """A store whose every `nth` write fails, as a full disk or a 500 would make it."""

    def __init__(self, store: Store, nth: int) -> None:
        self._store = store
        self._nth = nth
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in ("put_file", "put_bytes", "copy"):
            return method

        def call(*args: Any, **options: Any) -> Any:
            self._count += 1
            if self._count % self._nth == 0:
                raise TemporaryError("the store answers 500")
            return method(*args, **options)

        return call


async def test_a_store_that_fails_now_and_then_loses_nothing(site: Site, small_parts: list[Path]) -> None:
    good = site.egress
    site.egress = Flaky(good, 11)
    site.record(SESSION, small_parts)
    await site.work(tries=20)
    site.egress = good
    assert len(site.check(SESSION).video[320].times_s) == 60
    assert site.queue.dead() == []


async def test_a_failed_part_that_is_retried_before_the_end_is_published_with_the_rest(
    site: Site, small_parts: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.environ["PATH"]
    keys = site.record(SESSION, small_parts, closed=False)
    monkeypatch.setenv("PATH", stub(site.root / "stub", "exit 1"))
    await site.work(tries=1)
    assert len(site.keys("failed/")) == len(keys) == 2
    monkeypatch.setenv("PATH", path)
    for dead in site.queue.dead():
        site.queue.retry_dead(dead.id)
    await site.work()
    site.record(SESSION, small_parts)
    await site.work()
    assert len(site.check(SESSION).video[320].times_s) == 60
    assert site.keys("failed/") == []
