"""The worker as a service: told to stop by a signal or by EC2, with a watcher, metrics and protection around it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

from panocast.errors import TemporaryError
from panocast.machine import this_machine
from panocast.metrics import exposed
from panocast.queue import Queue, open_queue
from panocast.settings import Settings, TranscoderSettings
from panocast.spot import Notice, NoticeKind, instance_id, notices
from panocast.store import open_store
from panocast.threads import in_thread
from transcoder.figures import Figures
from transcoder.protection import Protection
from transcoder.slots import job_slots
from transcoder.watch import Watcher
from transcoder.worker import Worker
from transcoder.workplace import Workplace

log = logging.getLogger(__name__)

# Each look costs three requests to SQS.
LOOK_AT_QUEUE_S = 15.0


async def serve(settings: Settings, scratch: Path, *, until_idle: bool = False) -> None:
    """Work until SIGTERM, SIGINT, a Spot notice, or (`until_idle`) until nothing is left to do.

    Raises SetupError when a store or the queue is not there.
    """
    place = workplace(settings, scratch)
    stop, drain = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    figures = Figures(price_per_vcpu_hour=settings.transcoder.price_per_vcpu_hour)
    watcher = Watcher(place.ingest, place.queue) if _derives_messages(settings) else None
    async with contextlib.AsyncExitStack() as around:
        await around.enter_async_context(_running(_heed_notices(notices(settings.on_ec2), stop, drain)))
        if watcher:
            await around.enter_async_context(_ending(watcher.run(stop), stop))
        if port := settings.transcoder.metrics_port:
            around.enter_context(exposed(figures.registry, port, settings.transcoder.metrics_bind))
            await around.enter_async_context(_running(_watch_queue(place.queue, figures)))
        guard = await _protection(settings.transcoder)
        if guard:
            await around.enter_async_context(_running(guard.run()))
        log.info("%d jobs at once", place.slots)
        await Worker(
            place,
            stop=stop,
            drain=drain,
            until_idle=until_idle,
            nothing_new=watcher.finds_nothing if watcher else None,
            figures=figures,
            guard=guard,
        ).run()


def workplace(settings: Settings, scratch: Path) -> Workplace:
    """Where jobs are done, as the settings say; nothing is opened yet."""
    return Workplace(
        ingest=open_store(settings.ingest_url),
        egress=open_store(settings.egress_url),
        queue=open_queue(settings.queue_url),
        settings=settings.transcoder,
        scratch=scratch,
        slots=job_slots(settings.transcoder, this_machine()),
    )


def _derives_messages(settings: Settings) -> bool:
    """Whether nobody tells of new objects: a directory has no events, S3 has."""
    return settings.ingest_url.startswith("file:")


async def _heed_notices(found: AsyncIterator[Notice], stop: asyncio.Event, drain: asyncio.Event) -> None:
    """An interruption stops the worker; a recommendation to leave lets it end what it has."""
    async for notice in found:
        log.warning("this machine is taken away: %s (%s)", notice.kind, notice.at)
        (stop if notice.kind is NoticeKind.INTERRUPTION else drain).set()


async def _watch_queue(queue: Queue, figures: Figures) -> None:
    while True:
        try:
            figures.queue_is(await in_thread(queue.depth))
        except TemporaryError as error:
            log.warning("%s", error)
        await asyncio.sleep(LOOK_AT_QUEUE_S)


async def _protection(settings: TranscoderSettings) -> Protection | None:
    if settings.auto_scaling_group is None:
        return None
    instance = await instance_id()
    if instance is None:
        log.warning("not protected from scale-in: there is no instance metadata that says who we are")
        return None
    return Protection(settings.auto_scaling_group, instance)


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Something runs beside the block, and is cancelled at its end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def _ending(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> AsyncIterator[None]:
    """Something runs beside the block, and is told to stop at its end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        stop.set()
        await task
