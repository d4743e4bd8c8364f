"""A message in a worker's hands: held while its job runs, given back at once, left to others when the lease is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from panocast.layout import PartKey
from tests.integration.transcoder.processes import Gate, worker_process
from tests.integration.transcoder.site import Site, session_at
from tests.processes import alive
from tests.standstill import standstill
from tests.waiting import eventually
from transcoder.markers import part_attempt_prefix
from transcoder.part import files_of, read_part_marker, transcode_part
from transcoder.worker import Worker

pytestmark = pytest.mark.slow
SESSION = session_at()


@pytest.fixture
def site(any_site: Site) -> Site:
    """Everything here holds on this machine and on S3 and SQS."""
    return any_site


async def test_the_heartbeat_holds_a_job_longer_than_the_visibility(
    site: Site, small: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guarantee 8: with 4 s of visibility and a job of more than that, a second worker never gets it."""
    monkeypatch.setenv("PATH", gate.path)
    site.record(SESSION, [small])
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(site.work(visibility_s=4, fence="off")) for _ in range(2)]
        await eventually(gate.pids, within_s=60)
        async with standstill() as stood:
            await asyncio.sleep(6)
        gate.open()
        assert len(gate.pids()) == 1 or stood.seconds > 1.0, "a worker that stands still loses its lease, and may"
    assert all(task.done() for task in workers)
    site.check(SESSION)


async def test_a_paused_worker_that_lost_its_lease_leaves_no_trace(site: Site, small: Path, gate: Gate) -> None:
    """Guarantee 6: it is stopped until its lease is over and another has finished, and then goes on."""
    site.record(SESSION, [small], announce=site.is_cloud)
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
    site.record(SESSION, small_parts, announce=site.is_cloud)  # elsewhere the watcher will, and only once
    async with worker_process(site, gate) as victim:
        (pid,) = await eventually(gate.pids, within_s=60)
        victim.kill()
        await victim.wait()
        await eventually(lambda: not alive(pid), within_s=60)  # no ffmpeg outlives its worker
    gate.open()
    assert list((site.root / "scratch").glob("worker-*"))
    async with worker_process(site, gate) as heir:
        await eventually(site.masters, within_s=60)
        await eventually(lambda: not site.keys("work/"), within_s=60)
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
    late = asyncio.create_task(transcode_part(site.place(fence="off"), PartKey(SESSION, 1)))
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
    attempts = [asyncio.create_task(transcode_part(site.place(fence="off"), PartKey(SESSION, 1))) for _ in range(3)]
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
    site.record(SESSION, [small], closed=False, announce=site.is_cloud)
    async with worker_process(site, gate, visibility_s=600) as process:
        (pid,) = await eventually(gate.pids, within_s=60)
        process.send_signal(number)
        begun = time.monotonic()
        assert await process.wait() == 0
        assert time.monotonic() - begun < 60, "its job would take for ever"
    assert not alive(pid)
    assert site.queue.depth().held == 0
    assert site.queue.depth().waiting == 1
    assert site.keys("") == []
    assert not list((site.root / "scratch").iterdir())


async def test_a_job_that_never_ends_is_a_failure_and_not_held_for_ever(
    site: Site, small: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQS ends every lease after twelve hours: before that, the job is ended and counted."""
    monkeypatch.setenv("PATH", gate.path)
    (key,) = site.record(SESSION, [small], closed=False)
    place = site.place(fence="off", tries=1)
    async with asyncio.timeout(60):
        await Worker(place, stop=asyncio.Event(), until_idle=True, wait_s=0.1, longest_s=0.5).run()
    assert "not done within 0.5 s" in site.failed(key)["reason"]
    assert not any(map(alive, gate.pids()))


async def test_a_worker_that_is_to_leave_soon_ends_what_it_has_and_takes_no_more(
    site: Site, small_parts: list[Path], gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", gate.path)
    site.record(SESSION, small_parts, closed=False)
    drain = asyncio.Event()
    worker = Worker(site.place(fence="off"), stop=asyncio.Event(), drain=drain, wait_s=0.1)
    running = asyncio.create_task(worker.run())
    await eventually(gate.pids, within_s=60)
    drain.set()
    gate.open()
    async with asyncio.timeout(60):
        await running
    assert len(gate.pids()) == 1
    assert len([key for key in site.keys("work/") if key.endswith("/0001.json") or key.endswith("/0002.json")]) == 1
    assert site.queue.depth().waiting == 1
