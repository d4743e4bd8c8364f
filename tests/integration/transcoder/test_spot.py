"""Guarantee 7: EC2 says that the machine goes: no new job, the current one given back at once, and out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.imds import metadata_server
from tests.integration.transcoder.processes import Gate, worker_process
from tests.integration.transcoder.site import Site, session_at
from tests.processes import alive
from tests.waiting import eventually

pytestmark = pytest.mark.slow
SESSION = session_at()


async def test_a_spot_notice_gives_the_job_back_at_once_and_ends_the_worker(
    any_site: Site, small_parts: list[Path], gate: Gate
) -> None:
    """With 600 s of visibility, only a give-back makes the message available again."""
    any_site.record(SESSION, small_parts, closed=False, announce=any_site.is_cloud)
    async with (
        metadata_server() as metadata,
        worker_process(any_site, gate, metadata.environment, visibility_s=600) as process,
    ):
        (pid,) = await eventually(gate.pids, within_s=60)
        await eventually(lambda: metadata.asked.get("spot/instance-action"), within_s=60)
        assert process.returncode is None
        metadata.interrupt()
        noticed = time.monotonic()
        assert await process.wait() == 0
        assert time.monotonic() - noticed < 60, "asked every 5 s, then out; its job would take for ever"
    assert gate.pids() == [pid], "no new job"
    assert not alive(pid)
    depth = any_site.queue.depth()
    assert (depth.waiting, depth.held) == (2, 0)
    assert any_site.keys("") == []


async def test_a_recommendation_to_leave_lets_the_job_end_and_then_the_worker(
    site: Site, small_parts: list[Path], gate: Gate
) -> None:
    site.record(SESSION, small_parts, closed=False, announce=False)
    async with metadata_server() as metadata:
        metadata.recommend_leaving()
        async with worker_process(site, gate, metadata.environment, visibility_s=600) as process:
            await eventually(lambda: metadata.asked.get("spot/instance-action"), within_s=60)
            gate.open()
            assert await process.wait() == 0
    assert len(gate.pids()) <= 1
    assert site.queue.depth().held == 0
