"""Services that are kept running, with real processes."""

from __future__ import annotations

import asyncio

import pytest

from panocast.process import Command
from panocast.service import Backoff, Service
from tests.processes import alive
from tests.waiting import eventually


async def test_a_service_is_started_again_and_remembers_why() -> None:
    service = Service(
        Command("job", ["sh", "-c", "echo broken >&2; exit 7"]), backoff=Backoff(first_s=0.01, most_s=0.02)
    )
    task = asyncio.create_task(service.run())
    await eventually(lambda: service.starts >= 3)
    assert service.last_error == "job failed with exit code 7: broken"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelled_service_stops_its_child() -> None:
    service = Service(Command("job", ["sleep", "60"]))
    task = asyncio.create_task(service.run())
    await eventually(lambda: service.pid)
    pid = service.pid
    assert pid
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pid)
    assert service.pid is None


@pytest.mark.parametrize("by", ["kill", "cancel"])
async def test_a_child_that_is_slow_to_stop_can_still_be_killed(by: str) -> None:
    said: list[str] = []
    stubborn = Command("job", ["sh", "-c", "trap 'echo told' TERM; echo ready; while :; do sleep 0.05; done"])
    service = Service(stubborn, grace_s=60, on_stdout=said.append)
    task = asyncio.create_task(service.run())
    await eventually(lambda: "ready" in said)
    pid = service.pid
    assert pid
    task.cancel()
    await eventually(lambda: "told" in said)
    service.kill() if by == "kill" else task.cancel()
    async with asyncio.timeout(50):
        with pytest.raises(asyncio.CancelledError):
            await task
    await eventually(lambda: not alive(pid))


def test_pauses_double_up_to_the_most_and_start_again_after_a_steady_run() -> None:
    backoff = Backoff(first_s=1, most_s=5, steady_s=30)
    assert [backoff.pause(ran_s=0) for _ in range(4)] == [1, 2, 4, 5]
    assert backoff.pause(ran_s=31) == 1
