"""Waiting for conditions, never for times, in tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(check: Callable[[], Awaitable[T]], *, within_s: float = ..., every_s: float = ...) -> T: ...
@overload
async def eventually(check: Callable[[], T], *, within_s: float = ..., every_s: float = ...) -> T: ...
async def eventually(check: Callable[[], T | Awaitable[T]], *, within_s: float = 60.0, every_s: float = 0.1) -> T:
    """What `check` gives once it gives something true; an AssertionError with the last answer after `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        late = time.monotonic() >= deadline  # by now: a machine that was paused since has one more look
        answer = check()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return answer
        assert not late, f"still {answer!r} after {within_s:g} s"
        await asyncio.sleep(every_s)
