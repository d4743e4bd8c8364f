"""Blocking calls beside the event loop, none of which outlives what called it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[..., T], *args: Any) -> T:
    """Call a blocking function in a thread; a cancelled call waits for its end, so that nothing is written after it."""
    context = contextvars.copy_context()  # what is logged there names the same job
    future = asyncio.get_running_loop().run_in_executor(None, partial(context.run, call, *args))
    try:
        await until_ended(future)
    finally:
        future.exception()  # nobody else asks for that of a cancelled call
    return future.result()


async def until_ended(future: asyncio.Future[Any]) -> None:
    """Wait for the end of something, whatever it is. A wait that is cancelled, however often, goes on until then, and
    is cancelled after it."""
    try:
        await asyncio.wait([future])
    except asyncio.CancelledError:
        await until_ended(future)
        raise
