"""Calls in threads: they give what they give, and leave no thread behind, however often they are cancelled."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from panocast.threads import in_thread, until_ended
from tests.waiting import eventually

WHOSE = contextvars.ContextVar("WHOSE", default="nobody's")


async def test_a_call_gives_what_it_gives_in_the_context_of_its_caller() -> None:
    WHOSE.set("ours")
    assert await in_thread(lambda *words: (WHOSE.get(), words), 1, 2) == ("ours", (1, 2))
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_call_that_is_cancelled_again_and_again_ends_after_its_thread(fails: bool) -> None:
    begun, may_end = threading.Event(), threading.Event()
    ended: list[str] = []

    def call() -> None:
        begun.set()
        may_end.wait(60)
        ended.append("thread")
        if fails:
            raise LookupError

    async def caller() -> None:
        try:
            await in_thread(call)
        finally:
            ended.append("caller")

    task = asyncio.create_task(caller())
    try:
        await eventually(begun.is_set, every_s=0.01)
        for _ in range(3):
            task.cancel()
            for _ in range(5):  # rounds of the loop, in which the caller would end
                await asyncio.sleep(0)
            assert ended == []
    finally:
        may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["thread", "caller"]


async def test_waiting_for_the_end_of_something_does_not_end_it_and_raises_nothing_of_it() -> None:
    going_on = asyncio.Event()

    async def fail() -> None:
        await going_on.wait()
        raise LookupError

    task = asyncio.create_task(fail())
    waiting = asyncio.create_task(until_ended(task))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    assert not waiting.done()
    going_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(LookupError):
        await task
    await until_ended(task)
