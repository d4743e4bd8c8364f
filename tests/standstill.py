"""How long the machine kept a test from running: what was late by that much is nobody's fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

TICK_S = 0.05


@dataclass(slots=True)
class Standstill:
    """For how long, in all, the event loop stood still."""

    seconds: float = 0.0

    async def watch(self) -> None:
        """Look every tick, until cancelled."""
        while True:
            slept_at = time.monotonic()
            await asyncio.sleep(TICK_S)
            late_s = time.monotonic() - slept_at - TICK_S
            if late_s > TICK_S:
                self.seconds += late_s


@asynccontextmanager
async def standstill() -> AsyncIterator[Standstill]:
    """Watches for standstills while the block runs."""
    stood = Standstill()
    task = asyncio.create_task(stood.watch())
    try:
        yield stood
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
