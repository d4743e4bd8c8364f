"""The worker: takes messages as long as it has a free slot, and does their jobs side by side."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from panocast.errors import SetupError, TemporaryError
from panocast.queue import Message
from panocast.service import Backoff
from panocast.threads import in_thread
from transcoder.figures import Figures
from transcoder.held import LONGEST_S, Held
from transcoder.workplace import Workplace

log = logging.getLogger(__name__)

# Short, because a receive that has begun cannot be cancelled, and a worker told to stop gives back what it brings.
WAIT_S = 2.0


class Guard(Protocol):
    """Told when the worker has jobs and when it has none."""

    def busy(self) -> None:
        """There is a job."""
        ...

    def idle(self) -> None:
        """There is none any more."""
        ...


class Worker:
    """Runs jobs until `stop` is set (then gives back what is not done) or `drain` is (then ends what it has).

    `nothing_new` (blocking) must agree before `until_idle` lets it end; one receive waits for `wait_s`.
    """

    def __init__(
        self,
        place: Workplace,
        *,
        stop: asyncio.Event,
        drain: asyncio.Event | None = None,
        until_idle: bool = False,
        nothing_new: Callable[[], bool] | None = None,
        wait_s: float = WAIT_S,
        longest_s: float = LONGEST_S,
        figures: Figures | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.place = place
        self.stop = stop
        self._drain = drain or asyncio.Event()
        self._until_idle = until_idle
        self._nothing_new = nothing_new or (lambda: True)
        self._wait_s = wait_s
        self._longest_s = longest_s
        self._figures = figures or Figures()
        self._guard = guard
        self._running: set[asyncio.Task[None]] = set()
        self._broken: SetupError | None = None
        self._backoff = Backoff(first_s=1.0, most_s=60.0)

    async def run(self) -> None:
        """Take messages until told to stop (or idle); then give back what is not done.

        Raises SetupError when a store or the queue that the settings name is not there.
        """
        # A thread for each transfer of each slot, its heartbeat and the receive: none waits for another.
        at_once = max(self.place.ingest.at_once, self.place.egress.at_once)
        threads = ThreadPoolExecutor(self.place.slots * (at_once + 2) + 4)
        asyncio.get_running_loop().set_default_executor(threads)
        try:
            await self._until_stores_answer()
            while not self._ends():
                if len(self._running) >= self.place.slots:
                    await self._one_ends()
                    continue
                message = await self._receive()
                if message is None:
                    if self._until_idle and await self._is_idle():
                        return
                    continue
                if self._ends():
                    await in_thread(self.place.queue.release, message)
                    break
                self._start(message)
            while self._running and not self.stop.is_set() and self._broken is None:
                await self._one_ends()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
        if self._broken:
            raise self._broken

    def _ends(self) -> bool:
        return self.stop.is_set() or self._drain.is_set() or self._broken is not None

    def _start(self, message: Message) -> None:
        held = Held(self.place, message, self._figures, self._longest_s)
        task = asyncio.create_task(held.run())
        self._running.add(task)
        task.add_done_callback(self._ended)
        if self._guard:
            self._guard.busy()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._guard and not self._running:
            self._guard.idle()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, SetupError):
            self._broken = error
        elif error:
            log.error("unexpected: %s", error, exc_info=error)

    async def _one_ends(self) -> None:
        stopped = asyncio.create_task(self.stop.wait())
        await asyncio.wait([*self._running, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()

    async def _until_stores_answer(self) -> None:
        """A bucket that is not there is found before the first job, and not blamed on it."""
        for store in (self.place.ingest, self.place.egress):
            while not self._ends():
                try:
                    await in_thread(store.stat, "end.json")  # of no session: any key shows whether the store is there
                    break
                except TemporaryError as error:
                    await self._pause(error)

    async def _receive(self) -> Message | None:
        """The next message; a queue that cannot answer is asked again after a pause."""
        settings = self.place.settings
        try:
            message = await in_thread(
                lambda: self.place.queue.receive(wait_s=self._wait_s, visibility_s=settings.visibility_s)
            )
        except TemporaryError as error:
            await self._pause(error)
            return None
        self._backoff = Backoff(first_s=1.0, most_s=60.0)
        return message

    async def _pause(self, error: TemporaryError) -> None:
        pause_s = self._backoff.pause(0.0)
        log.warning("no messages: %s; again in %g s", error, pause_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self.stop.wait()

    async def _is_idle(self) -> bool:
        # In this order: what a job put into the store is found by a look after its end, and then in the queue.
        if self._running or not await in_thread(self._nothing_new):
            return False
        depth = await in_thread(self.place.queue.depth)
        return depth.waiting == 0 and depth.held == 0
