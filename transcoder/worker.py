"""The worker: takes messages, holds each while its job runs, and ends it one of five ways.

Done: deleted, after the results are stored. Failed: retried later, counted. Failed for good: set aside with its
reason. Told to stop: given back at once. Lease lost: left to whoever holds it now.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from panocast.errors import PanocastError, RefusedError, TemporaryError
from panocast.queue import LeaseLostError, Message
from transcoder.jobs import Ignored, Job, parse_message
from transcoder.work import do, give_up
from transcoder.workplace import TRANSFERS, Workplace, in_thread

log = logging.getLogger(__name__)

# Short, because a receive that has begun cannot be cancelled, and a worker told to stop gives back what it brings.
WAIT_S = 2.0
MAX_RETRY_S = 900.0
PAUSE_S = 2.0


class Worker:
    """Runs jobs until `stop` is set. `nothing_new` (blocking) must agree before `until_idle` lets it end; one
    receive waits for `wait_s`."""

    def __init__(
        self,
        place: Workplace,
        *,
        stop: asyncio.Event,
        until_idle: bool = False,
        nothing_new: Callable[[], bool] | None = None,
        wait_s: float = WAIT_S,
    ) -> None:
        self.place = place
        self.stop = stop
        self._until_idle = until_idle
        self._nothing_new = nothing_new or (lambda: True)
        self._wait_s = wait_s
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take messages until told to stop (or idle); then give back what is not done."""
        slots = self.place.settings.concurrency
        # A thread for each transfer of each slot, its heartbeat and the receive: none waits for another.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(slots * (TRANSFERS + 2) + 4))
        try:
            while not self.stop.is_set():
                if len(self._running) >= slots:
                    await self._one_ends()
                    continue
                message = await self._receive()
                if message is None:
                    if self._until_idle and await self._is_idle():
                        return
                    continue
                if self.stop.is_set():
                    await in_thread(self.place.queue.release, message)
                    return
                task = asyncio.create_task(self._hold(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _one_ends(self) -> None:
        stopped = asyncio.create_task(self.stop.wait())
        await asyncio.wait([*self._running, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()

    async def _receive(self) -> Message | None:
        """The next message; a queue that cannot answer is asked again after a pause."""
        settings = self.place.settings
        try:
            return await in_thread(
                lambda: self.place.queue.receive(wait_s=self._wait_s, visibility_s=settings.visibility_s)
            )
        except TemporaryError as error:
            log.warning("no messages: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_S):
                    await self.stop.wait()
            return None

    async def _is_idle(self) -> bool:
        # In this order: what a job put into the store is found by a look after its end, and then in the queue.
        if self._running or not await in_thread(self._nothing_new):
            return False
        depth = await in_thread(self.place.queue.depth)
        return depth.waiting == 0 and depth.held == 0

    async def _hold(self, message: Message) -> None:
        """Do what a message asks for while a heartbeat keeps it ours."""
        work = asyncio.create_task(self._settle(message))
        beat = asyncio.create_task(self._heartbeat(message))
        try:
            await asyncio.wait([work, beat], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                log.warning("message %s: its lease is lost; the job is left to whoever holds it", message.id)
        finally:
            given_back = not work.done() and not beat.done()
            for task in (work, beat):
                task.cancel()
            await asyncio.gather(work, beat, return_exceptions=True)
            if given_back:
                log.info("message %s: given back", message.id)
                await self._quietly(lambda: self.place.queue.release(message))
        if work.done() and not work.cancelled() and (error := work.exception()):
            log.error("message %s: %s; it comes again when its lease ends", message.id, error)

    async def _heartbeat(self, message: Message) -> None:
        """Extend the lease again and again; ends when it is lost."""
        visibility_s = self.place.settings.visibility_s
        held_until = time.monotonic() + visibility_s
        while time.monotonic() < held_until:
            await asyncio.sleep(visibility_s / 3)
            asked = time.monotonic()
            try:
                await in_thread(self.place.queue.extend, message, visibility_s)
                held_until = asked + visibility_s
            except LeaseLostError:
                return
            except TemporaryError as error:
                log.warning("message %s: heartbeat: %s", message.id, error)

    async def _settle(self, message: Message) -> None:
        queue = self.place.queue
        jobs = parse_message(message.body)
        if isinstance(jobs, Ignored):
            log.info("message %s ignored: %s", message.id, jobs.reason)
        elif len(jobs) == 1:
            await self._try(message, jobs[0])
            return
        else:  # each gets a message of its own, and with it its own heartbeat, failures and fate
            for job in jobs:
                await in_thread(queue.send, job.body())
        await in_thread(queue.delete, message)

    async def _try(self, message: Message, job: Job) -> None:
        """Do a job once and tell the queue how it ended."""
        queue, begun = self.place.queue, time.monotonic()
        try:
            await do(self.place, job)
        except RefusedError as error:
            await self._set_aside(message, job, str(error))
            return
        except Exception as error:  # the top of the loop: whatever one job does, the worker goes on
            if not isinstance(error, PanocastError):
                log.exception("%s: unexpected", job.key)
            await self._retry(message, job, str(error) or type(error).__name__)
            return
        await in_thread(queue.delete, message)
        log.info("%s: done in %.1f s", job.key, time.monotonic() - begun)

    async def _retry(self, message: Message, job: Job, reason: str) -> None:
        settings = self.place.settings
        if job.failures + 1 >= settings.tries:
            await self._set_aside(message, job, reason)
            return
        delay_s = min(settings.retry_s * 2**job.failures, MAX_RETRY_S)
        log.warning("%s: %s; try %d of %d in %g s", job.key, reason, job.failures + 2, settings.tries, delay_s)
        await in_thread(self.place.queue.retry, message, job.failed_once_more().body(), delay_s)

    async def _set_aside(self, message: Message, job: Job, reason: str) -> None:
        log.error("%s: failed for good: %s", job.key, reason)
        await give_up(self.place, job, reason)
        await in_thread(self.place.queue.set_aside, message, reason)

    async def _quietly(self, call: Callable[[], object]) -> None:
        try:
            await in_thread(call)
        except PanocastError as error:
            log.warning("%s", error)
