"""Where a worker works: the stores and the queue, its settings, a scratch folder for each job, ffmpeg under watch."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import TypeVar

from panocast.errors import TemporaryError
from panocast.fence import Fence, Limits
from panocast.ffmpeg import Progress, ProgressReader
from panocast.folders import FULL, full, in_words
from panocast.layout import Session
from panocast.process import Command, LimitError, ProcessError, run
from panocast.queue import Queue
from panocast.sandbox import refuse_links, sandboxed
from panocast.settings import TranscoderSettings
from panocast.store import Store, local_folder
from panocast.threads import in_thread
from transcoder.encode import Quality
from transcoder.event import is_done
from transcoder.limits import ceilings, within
from transcoder.room import check_room, is_full, says_full

log = logging.getLogger(__name__)

# On a machine whose live streams take all of it, a job that gives way may wait minutes for a frame.
STALL_S = 300.0
GROWTH_S = 1.0
TRANSFERS = 8
PAUSES_S = (0.2, 1.0)
T = TypeVar("T")
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Workplace:
    """What every job needs. `scratch` is the worker's own folder, `slots` the jobs that run at once; `stall_s` ends an
    ffmpeg that does not get on."""

    ingest: Store
    egress: Store
    queue: Queue
    settings: TranscoderSettings
    scratch: Path
    slots: int = 1
    stall_s: float = STALL_S

    @property
    def quality(self) -> Quality:
        """How hard x264 tries; several jobs at once share the machine's cores."""
        cores = os.cpu_count() or 1
        return Quality(self.settings.preset, self.settings.crf, max(1, cores // self.slots))

    @asynccontextmanager
    async def folder(self, label: str) -> AsyncIterator[Path]:
        """A scratch folder for one job, gone at its end however it ends."""
        try:
            self.scratch.mkdir(parents=True, exist_ok=True)
            path = Path(tempfile.mkdtemp(prefix=f"{label}-", dir=self.scratch))
        except OSError as error:
            raise in_words(error, "no scratch folder", self.scratch) from error
        try:
            yield path
        except OSError as error:
            if error.errno in FULL:
                raise full("a job", self.scratch) from error
            raise
        finally:
            await asyncio.shield(in_thread(shutil.rmtree, path, True))

    async def check_room(self, what: str, *, scratch: int = 0, ingest: int = 0, egress: int = 0) -> None:
        """NoRoomError unless a job can write so many bytes to its folder, and move so many from there to the stores."""
        stores = {local_folder(self.ingest.url): ingest, local_folder(self.egress.url): egress}
        needs = {self.scratch: scratch} | {folder: size for folder, size in stores.items() if folder}
        needs = {folder: size for folder, size in needs.items() if size}
        await in_thread(partial(check_room, what, needs, leave_bytes=self.settings.disk_free_mb << 20))

    async def ffmpeg(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        what: str,
        limits: Limits | None = None,
        reads: Sequence[Path] = (),
        on_progress: OnProgress | None = None,
    ) -> int:
        """Run an ffmpeg to its end, fenced into the folder `cwd` (and what it `reads`), and give the frames it wrote.

        `limits` are no more than the settings' ceilings. Raises ProcessError when it fails or does not get on for
        `stall_s`, LimitError when it was stopped by a limit, NoRoomError when it met a full disk.
        """
        reader, last, met_full_disk = ProgressReader(), Progress(), False
        loop = asyncio.get_running_loop()
        most = ceilings(self.settings)
        limits = within(limits, most) if limits else most
        fence = Fence(limits, sandboxed(self.settings.fence), folder=cwd, reads=reads)
        command = Command(f"ffmpeg ({what})", argv, cwd=cwd, yielding=self.settings.yielding, fence=fence)
        outgrown = asyncio.create_task(_outgrown(cwd, limits.output_bytes))
        try:
            async with asyncio.timeout(self.stall_s) as limit:
                outgrown.add_done_callback(lambda task: None if task.cancelled() else limit.reschedule(loop.time()))

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

                def hear(line: str) -> None:
                    nonlocal met_full_disk
                    met_full_disk = met_full_disk or says_full(line)

                await run(command, on_stdout=take, on_stderr=hear)
            await in_thread(refuse_links, cwd)
            # With a full disk some of its muxers fail, some warn only, that for HLS says nothing.
            if met_full_disk or await in_thread(is_full, cwd):
                raise full(f"ffmpeg ({what})", self.scratch)
        except ProcessError as error:
            if met_full_disk:
                raise full(f"ffmpeg ({what})", self.scratch) from error
            raise ProcessError(_in_words(error, what), error.code, error.tail) from error
        except TimeoutError as error:
            if outgrown.done():
                raise LimitError(f"ffmpeg ({what}) was stopped: {limits.too_much_output}") from error
            words = f"ffmpeg ({what}) did not get on for {self.stall_s:g} s and was ended"
            raise ProcessError(words, -SIGKILL, ()) from error
        finally:
            outgrown.cancel()
            await asyncio.gather(outgrown, return_exceptions=True)
        return last.frames

    async def store_files(self, folder: Path, names: Sequence[str], prefix: str) -> None:
        """Move files of `folder` into the egress store under `prefix`, a few at a time."""
        share = max(TRANSFERS, self.egress.at_once // self.slots)  # the other slots transfer, too
        await each(names, lambda name: move_into(self.egress, prefix + name, folder / name), at_once=share)

    async def copy(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Copy objects (source, target) within the egress store, a few at a time."""
        await each(pairs, lambda pair: self.egress.copy(*pair), at_once=self.egress.at_once)

    async def is_done(self, session: Session, part: int = 0) -> bool:
        """Whether nothing is left to do for a session, or for a part of it."""
        return await in_thread(is_done, self.ingest, self.egress, session, part)


def move_into(store: Store, key: str, path: Path, *, if_absent: bool = False) -> None:
    """Store a file of our own that nobody needs any more; blocks."""
    store.put_file(key, path, if_absent=if_absent)
    path.unlink()


async def _outgrown(folder: Path, most_bytes: int) -> None:
    """Ends when the files of a folder have grown by more than `most_bytes` together: no limit of the kernel's counts
    them all."""
    begun = await in_thread(_size_of, folder)
    while True:
        await asyncio.sleep(GROWTH_S)
        if await in_thread(_size_of, folder) - begun > most_bytes:
            return


def _size_of(folder: Path) -> int:
    """Bytes of all files below a folder that is being worked in."""
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            size += path.lstat().st_size
    return size


def _in_words(error: ProcessError, what: str) -> str:
    """What ffmpeg said last that says something: its very last lines are often empty or general."""
    said = [text for line in error.tail if (text := re.sub(r"\[[^]]*\]", "", line).strip())]
    reason = next((text for text in reversed(said) if "Error initializing" not in text), "")
    return f"ffmpeg ({what}) failed with code {error.code}" + (f": {reason}" if reason else "")


async def each(items: Iterable[T], call: Callable[[T], object], *, at_once: int = TRANSFERS) -> None:
    """Call a blocking function, which may be repeated, on every item in threads, `at_once` at a time.

    What fails for now is tried again a moment later: of thousands of transfers one fails now and then, and must not
    send the others back to the start. The first other error ends it.
    """
    left = iter(items)  # shared: a day's recording has hundreds of thousands, which need no task each

    async def some() -> None:
        for item in left:
            await _patiently(call, item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(some())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def _patiently(call: Callable[[T], object], item: T) -> None:
    for pause_s in PAUSES_S:
        try:
            await in_thread(call, item)
            return
        except TemporaryError as error:
            log.warning("%s; again in %g s", error, pause_s)
        await asyncio.sleep(pause_s)
    await in_thread(call, item)
