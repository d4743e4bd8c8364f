"""One message in our hands: kept ours by a heartbeat while its job runs, and ended in one of five ways.

Done: deleted, after the results are stored. Failed: retried later, counted. Failed for good: set aside with its
reason. Told to stop: given back at once. Lease lost: left to whoever holds it now.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field, replace

from panocast.errors import NoRoomError, PanocastError, RefusedError, SetupError, TemporaryError
from panocast.layout import UploadKey
from panocast.logs import about
from panocast.process import metered
from panocast.queue import LeaseLostError, Message
from panocast.settings import TranscoderSettings
from panocast.store_counted import CountedStore, Traffic
from panocast.threads import in_thread
from transcoder.figures import Ending, Figures, Tried, kind_of
from transcoder.jobs import Ignored, Job, parse_message
from transcoder.late import NotYetError
from transcoder.work import do, give_up
from transcoder.workplace import Workplace

log = logging.getLogger(__name__)

MAX_RETRY_S = 900.0
# Somebody has to come and make room, or another worker has it.
ROOM_PATIENCE_S = 86_400.0
# SQS ends every lease after twelve hours, whatever the heartbeat says.
LONGEST_S = 11 * 3600.0
# Failures are counted in the job; what counts only deliveries kills its workers, or they are told to stop each time.
# SQS sets such a message aside itself, after 100, without a word to the session that waits for it.
MOST_RECEIVES = 90


@dataclass(slots=True)
class Held:
    """A received message; a job that takes longer than `longest_s` has failed."""

    place: Workplace
    message: Message
    figures: Figures
    longest_s: float = LONGEST_S
    _lost: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Do what the message asks for; cancelled, give it back at once.

        Raises SetupError, the message given back, when nothing can work here until somebody mends a setting.
        """
        work = asyncio.create_task(self._settle())
        beat = asyncio.create_task(self._heartbeat())
        try:
            await asyncio.wait([work, beat], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            log.info("message %s: given back", self.message.id)
            # At once: whoever takes it over need not wait until our ffmpeg has ended and its files are gone.
            await asyncio.gather(self._give_back(beat), _cancelled(work))
            raise
        if not work.done():
            self._lost = True
            log.warning("message %s: its lease is lost; the job is left to whoever holds it", self.message.id)
        await asyncio.gather(_cancelled(work), _cancelled(beat))
        error = None if work.cancelled() else work.exception()
        if isinstance(error, SetupError):
            await self._give_back(beat)
            raise error
        if error:
            log.error("message %s: %s; it comes again when its lease ends", self.message.id, error)

    async def _give_back(self, beat: asyncio.Task[None]) -> None:
        await _cancelled(beat)  # it must not hold again what is given back
        try:
            await in_thread(self.place.queue.release, self.message)
        except PanocastError as error:
            log.warning("message %s: %s; it comes again when its lease ends", self.message.id, error)

    async def _heartbeat(self) -> None:
        """Extend the lease again and again; ends when it is lost."""
        visibility_s = self.place.settings.visibility_s
        held_until = time.monotonic() + visibility_s
        while time.monotonic() < held_until:
            await asyncio.sleep(visibility_s / 3)
            asked = time.monotonic()
            try:
                await in_thread(self.place.queue.extend, self.message, visibility_s)
                held_until = asked + visibility_s
            except LeaseLostError:
                return
            except TemporaryError as error:
                log.warning("message %s: heartbeat: %s", self.message.id, error)

    async def _settle(self) -> None:
        queue = self.place.queue
        jobs = parse_message(self.message.body)
        if isinstance(jobs, Ignored):
            log.info("message %s ignored: %s", self.message.id, jobs.reason)
        elif len(jobs) == 1:
            with about(job=jobs[0].key, message_id=self.message.id, stream=_stream_of(jobs[0])):
                await self._measure(jobs[0])
            return
        else:  # each gets a message of its own, and with it its own heartbeat, failures and fate
            for job in jobs:
                await in_thread(queue.send, job.body())
        await in_thread(queue.delete, self.message)

    async def _measure(self, job: Job) -> None:
        """Try a job once and count what it took."""
        traffic, begun = Traffic(), time.monotonic()
        place = replace(
            self.place,
            ingest=CountedStore(self.place.ingest, traffic),
            egress=CountedStore(self.place.egress, traffic),
        )
        ending, video_s = Ending.LOST, 0.0
        self.figures.started()
        log.info("%s: taken, try %d", job.key, job.failures + 1)
        with metered() as meter:
            try:
                ending, video_s = await self._try(place, job)
            except (asyncio.CancelledError, SetupError):
                ending = Ending.LOST if self._lost else Ending.GIVEN_BACK
                raise
            finally:
                wall_s, used = time.monotonic() - begun, meter.usage
                moved = traffic.read_bytes, traffic.written_bytes
                tried = Tried(job.key, kind_of(job.at), ending, wall_s, used.cpu_s, used.peak_bytes, video_s, *moved)
                self.figures.ended(tried)

    async def _try(self, place: Workplace, job: Job) -> tuple[Ending, float]:
        """Do a job once and tell the queue how it ended."""
        settings = self.place.settings
        if self.message.receives >= MOST_RECEIVES:
            return await self._set_aside(job, f"{self.message.receives - 1} workers took it, and none ended it"), 0.0
        try:
            async with asyncio.timeout(self.longest_s):
                video_s = await do(place, job)
        except SetupError:
            raise
        except RefusedError as error:
            return await self._set_aside(job, str(error)), 0.0
        except NotYetError as error:
            log.warning("%s; looking again in %g s", error, error.pause_s)
            await in_thread(self.place.queue.retry, self.message, error.again.body(), error.pause_s)
            return Ending.WAITING, 0.0
        except NoRoomError as error:
            return await self._wait_for_room(job, error), 0.0
        except TimeoutError:
            return await self._retry(job, f"not done within {self.longest_s:g} s", settings.tries), 0.0
        except Exception as error:  # the top of the loop: whatever one job does, the worker goes on
            if not isinstance(error, PanocastError):
                log.exception("%s: unexpected", job.key)
            return await self._retry(job, str(error) or type(error).__name__, tries_for(error, settings)), 0.0
        await in_thread(self.place.queue.delete, self.message)
        return Ending.DONE, video_s

    async def _retry(self, job: Job, reason: str, tries: int) -> Ending:
        if job.failures + 1 >= tries:
            return await self._set_aside(job, reason)
        delay_s = pause_s(job.failures, self.place.settings)
        log.warning("%s: %s; try %d of %d in %g s", job.key, reason, job.failures + 2, tries, delay_s)
        await in_thread(self.place.queue.retry, self.message, job.failed_once_more().body(), delay_s)
        return Ending.FAILED

    async def _wait_for_room(self, job: Job, error: NoRoomError) -> Ending:
        """Nothing is wrong with the job: looks are counted, and no failures."""
        looks, settings = job.looks_for(0), self.place.settings
        if looks + 1 >= tries_for(error, settings):
            return await self._set_aside(job, str(error))
        delay_s = pause_s(looks, settings)
        log.warning("%s; looking again in %g s", error, delay_s)
        await in_thread(self.place.queue.retry, self.message, job.looked_once_more(0).body(), delay_s)
        return Ending.WAITING

    async def _set_aside(self, job: Job, reason: str) -> Ending:
        log.error("%s: failed for good: %s", job.key, reason)
        await give_up(self.place, job, reason)
        await in_thread(self.place.queue.set_aside, self.message, reason)
        return Ending.SET_ASIDE


def tries_for(error: Exception, settings: TranscoderSettings) -> int:
    """How often a job that failed so is tried in all: what may pass by itself, such as a store that is away, for
    `patience_s` at least, because a part that is given up is a hole in a recording; a full disk for a day."""
    tries, patience_s = settings.tries, settings.patience_s
    if isinstance(error, NoRoomError):
        patience_s = max(patience_s, ROOM_PATIENCE_S)
    if isinstance(error, TemporaryError) and settings.retry_s > 0:
        while sum(pause_s(failures, settings) for failures in range(tries - 1)) < patience_s:
            tries += 1
    return tries


def pause_s(failures: int, settings: TranscoderSettings) -> float:
    """The pause after a failure, in seconds; so many came before it."""
    return min(settings.retry_s * 2.0**failures, MAX_RETRY_S)


async def _cancelled(task: asyncio.Task[None]) -> None:
    """End a task, if it has not ended, and wait until it has; its result stays with it."""
    task.cancel()
    await asyncio.wait([task])


def _stream_of(job: Job) -> str:
    return "" if isinstance(job.at, UploadKey) else job.at.session.name
