"""Many transfers: a few at a time, each once, and what fails for a moment is tried again."""

from __future__ import annotations

import asyncio
import threading

import pytest

from panocast.errors import NotFoundError, TemporaryError
from transcoder.workplace import each


async def test_thousands_of_things_are_done_once_each_without_a_task_for_each() -> None:
    done: list[int] = []
    tasks: list[int] = []
    loop = asyncio.get_running_loop()

    def do(item: int) -> None:
        done.append(item)
        if item % 100 == 0:
            tasks.append(len(asyncio.all_tasks(loop)))

    await each(range(2000), do, at_once=4)
    assert sorted(done) == list(range(2000))
    assert max(tasks) < 20


async def test_no_more_than_so_many_are_done_at_once_and_one_that_fails_for_a_moment_is_tried_again() -> None:
    lock, running, most, tries = threading.Lock(), 0, 0, 0
    both = threading.Barrier(2, timeout=10)

    def do(item: int) -> None:
        nonlocal running, most, tries
        with lock:
            running += 1
            most = max(most, running)
        both.wait()
        with lock:
            running -= 1
            tries += item == 3
            if item == 3 and tries == 1:
                raise TemporaryError("for a moment")

    await each(range(5), do, at_once=2)
    assert (most, tries) == (2, 2)


async def test_the_first_other_error_ends_it() -> None:
    done: list[int] = []

    def do(item: int) -> None:
        done.append(item)
        if item == 1:
            raise NotFoundError("gone")

    with pytest.raises(NotFoundError):
        await each(range(1000), do, at_once=1)
    assert done == [0, 1]
