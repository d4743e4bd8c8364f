from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.waiting import eventually
from transcoder.protection import Protection


class Group:
    """Stands for Auto Scaling's API."""

    def __init__(self) -> None:
        self.calls: list[bool] = []
        self.fails = 0

    def set_instance_protection(self, **said: Any) -> None:
        if self.fails:
            self.fails -= 1
            raise RuntimeError("throttled")
        assert (said["InstanceIds"], said["AutoScalingGroupName"]) == (["i-1"], "workers")
        self.calls.append(said["ProtectedFromScaleIn"])


@asynccontextmanager
async def protecting(group: Group, *, linger_s: float = 0.05, pause_s: float = 0.01) -> AsyncIterator[Protection]:
    protection = Protection("workers", "i-1", connect=lambda: group, linger_s=linger_s, pause_s=pause_s)
    task = asyncio.create_task(protection.run())
    try:
        yield protection
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_machine_is_protected_while_it_has_jobs() -> None:
    group = Group()
    async with protecting(group) as protection:
        protection.busy()
        await eventually(lambda: group.calls == [True], every_s=0.01)
        protection.idle()
        await eventually(lambda: group.calls == [True, False], every_s=0.01)


async def test_many_jobs_one_after_the_other_are_one_call() -> None:
    group = Group()
    async with protecting(group, linger_s=30) as protection:
        for _ in range(5):
            protection.busy()
            await eventually(lambda: group.calls, every_s=0.01)
            protection.idle()
            await asyncio.sleep(0.05)
        assert group.calls == [True]


async def test_its_end_takes_the_protection_away() -> None:
    group = Group()
    async with protecting(group) as protection:
        protection.busy()
        await eventually(lambda: group.calls, every_s=0.01)
    assert group.calls == [True, False]


async def test_a_call_that_fails_is_made_again() -> None:
    group = Group()
    group.fails = 2
    async with protecting(group) as protection:
        protection.busy()
        await eventually(lambda: group.calls == [True], every_s=0.01)
