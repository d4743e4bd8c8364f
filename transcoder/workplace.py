"""Where a worker works: the stores and the queue, its settings, a scratch folder for each job, ffmpeg under watch."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from panocast.errors import TemporaryError
from panocast.ffmpeg import Progress, ProgressReader
from panocast.layout import Session
from panocast.process import Command, ProcessError, run
from panocast.queue import Queue
from panocast.settings import TranscoderSettings
from panocast.store import Store
from transcoder.encode import Quality

log = logging.getLogger(__name__)

STALL_S = 60.0
TRANSFERS = 8
PAUSES_S = (0.2, 1.0)
T = TypeVar("T")
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Workplace:
    """What every job needs. `scratch` is the worker's own folder; `stall_s` ends an ffmpeg that does not get on."""

    ingest: Store
    egress: Store
    queue: Queue
    settings: TranscoderSettings
    scratch: Path
    stall_s: float = STALL_S

    @property
    def quality(self) -> Quality:
        """How hard x264 tries; several jobs at once share the machine's cores."""
        cores = os.cpu_count() or 1
        return Quality(self.settings.preset, self.settings.crf, max(1, cores // self.settings.concurrency))

    @asynccontextmanager
    async def folder(self, label: str) -> AsyncIterator[Path]:
        """A scratch folder for one job, gone at its end however it ends."""
        try:
            self.scratch.mkdir(parents=True, exist_ok=True)
            path = Path(tempfile.mkdtemp(prefix=f"{label}-", dir=self.scratch))
        except OSError as error:
            raise TemporaryError(f"no scratch folder in {self.scratch}: {error.strerror}") from error
        try:
            yield path
        finally:
            await asyncio.shield(in_thread(shutil.rmtree, path, True))

    async def ffmpeg(self, argv: Sequence[str], *, cwd: Path, what: str, on_progress: OnProgress | None = None) -> int:
        """Run an ffmpeg to its end and give the frames it wrote.

        Raises ProcessError when it fails, TemporaryError when it does not get on for `stall_s`.
        """
        reader, last = ProgressReader(), Progress()
        loop = asyncio.get_running_loop()
        command = Command(f"ffmpeg ({what})", argv, cwd=cwd, yielding=self.settings.yielding)
        try:
            async with asyncio.timeout(self.stall_s) as limit:

                def take(line: str) -> None:
                    nonlocal last
                    progress = reader.feed(line)
                    if progress is None:
                        return
                    if (progress.time_s, progress.frames) != (last.time_s, last.frames):
                        limit.reschedule(loop.time() + self.stall_s)
                    last = progress
                    if on_progress:
                        on_progress(progress)

                await run(command, on_stdout=take)
        except ProcessError as error:
            raise ProcessError(_in_words(error, what), error.code, error.tail) from error
        except TimeoutError as error:
            raise TemporaryError(f"ffmpeg ({what}) did not get on for {self.stall_s:g} s and was ended") from error
        return last.frames

    async def store_files(self, folder: Path, names: Sequence[str], prefix: str) -> None:
        """Put files of `folder` into the egress store under `prefix`, a few at a time."""
        await each(names, lambda name: self.egress.put_file(prefix + name, folder / name))

    async def copy(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Copy objects (source, target) within the egress store, a few at a time."""
        await each(pairs, lambda pair: self.egress.copy(*pair))

    async def is_done(self, session: Session) -> bool:
        """Whether nothing is left to do for a session."""
        return await in_thread(self.egress.stat, session.done_key) is not None


async def in_thread(call: Callable[..., T], *args: Any) -> T:
    """Call a blocking function in a thread; a cancelled call waits for its end, so that nothing is written after it."""
    future = asyncio.get_running_loop().run_in_executor(None, call, *args)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        future.exception()
        raise


def _in_words(error: ProcessError, what: str) -> str:
    """What ffmpeg said last that says something: its very last lines are often empty or general."""
    said = [text for line in error.tail if (text := re.sub(r"\[[^]]*\]", "", line).strip())]
    reason = next((text for text in reversed(said) if "Error initializing" not in text), "")
    return f"ffmpeg ({what}) failed with code {error.code}" + (f": {reason}" if reason else "")


async def each(items: Sequence[T], call: Callable[[T], object]) -> None:
    """Call a blocking function, which may be repeated, on every item in threads, a few at a time.

    What fails for now is tried again a moment later: of thousands of transfers one fails now and then, and must not
    send the others back to the start. The first other error ends it.
    """
    slots = asyncio.Semaphore(TRANSFERS)

    async def one(item: T) -> None:
        async with slots:
            for pause_s in PAUSES_S:
                try:
                    await in_thread(call, item)
                    return
                except TemporaryError as error:
                    log.warning("%s; again in %g s", error, pause_s)
                await asyncio.sleep(pause_s)
            await in_thread(call, item)

    try:
        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(one(item))
    except* Exception as errors:
        raise errors.exceptions[0] from errors
