"""From nginx's files to the parts of a session: each stretch is remuxed, stored, written down, in this order.

A part of the number that comes next is always the same bytes, so that storing it twice, because the agent died before
it wrote so down, is storing it once. What of a growing file will be a part is written down before it is stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shutil import disk_usage

from origin.clock import KEEP, Beat, start_after, start_of_next
from origin.journal import Journal, OpenFile, SessionRecord
from origin.part import Flv, cut_out, read_flv, remux
from origin.recorded import Recorded
from panocast.errors import PanocastError, RefusedError, TemporaryError
from panocast.fence import FenceMode
from panocast.probe import probe
from panocast.process import ProcessError
from panocast.recording import SourceInfo
from panocast.store import Store
from panocast.threads import in_thread

log = logging.getLogger(__name__)

MAX_PIXELS = 16384 * 16384
TRIES = 5


class Parts:
    """Stores files, and stretches of files, as parts of their sessions; `stored` counts them."""

    def __init__(self, store: Store, journal: Journal, tmp: Path, fence: FenceMode) -> None:
        self.stored = 0
        self._store = store
        self._journal = journal
        self._tmp = tmp
        self._fence = fence
        self._failures: Counter[Path] = Counter()

    async def store_file(self, record: SessionRecord, file: Recorded) -> SessionRecord:
        """Store what is not stored yet of a file that is complete, and remove it; the session as it is then.

        Raises TemporaryError when another try may go better.
        """
        if file.time != record.last_file:  # else an earlier agent died before it deleted it
            try:
                record = await self._store_planned(record, file)
                record = await self._store_stretch(record, file, record.opened(file.time).stored, None)
            except (ProcessError, RefusedError) as error:
                self._give_up(file, error)
                return record
        file.path.unlink(missing_ok=True)
        return record

    async def store_so_far(self, record: SessionRecord, file: Recorded) -> SessionRecord:
        """Store the whole GOPs of a file that nginx still writes to; the session as it is then."""
        try:
            record = await self._store_planned(record, file)
            opened = record.opened(file.time)
            flv = await asyncio.to_thread(read_flv, file.path, opened.stored)
            if not flv.usable or not flv.cut:
                return record
            planned = opened.model_copy(update={"planned": flv.cut})
            record = await in_thread(partial(self._journal.update, record, open_file=planned))
            return await self._store_planned(record, file)
        except (ProcessError, RefusedError) as error:
            raise TemporaryError(f"{file.path.name} cannot be stored yet: {error}") from error

    async def _store_planned(self, record: SessionRecord, file: Recorded) -> SessionRecord:
        opened = record.opened(file.time)
        if opened.planned <= opened.stored:
            return record
        return await self._store_stretch(record, file, opened.stored, opened.planned)

    async def _store_stretch(self, record: SessionRecord, file: Recorded, begin: int, end: int | None) -> SessionRecord:
        """Store a file's tags from offset `begin` to `end` (None: all there are) as the session's next part."""
        flv = await asyncio.to_thread(read_flv, file.path, begin, end)
        if not flv.usable:
            if not begin:
                log.warning("%s holds no picture that panocast takes: it is not kept", file.path.name)
            return record
        number = record.parts + 1
        seam = not begin and record.is_seam(file.time)
        start_ms = _start(record, file, flv, seam)
        heard = datetime.fromtimestamp(file.path.stat().st_mtime, UTC)
        source = await self._store_part(record, file, flv, start_ms, begin, end)
        update = partial(
            self._journal.update,
            record,
            parts=number,
            seams=(*record.seams, number) if seam else record.seams,
            end_ms=start_ms + flv.end_ms,
            tail=_tail(record.tail if begin else Beat(), flv.beat.last(start_ms)),
            source=source,
            heard=heard,
            **({"last_file": file.time, "open_file": None} if end is None else {}),
            **({"open_file": OpenFile(time=file.time, start_ms=start_ms, stored=end)} if end is not None else {}),
        )
        record = await in_thread(update)
        self.stored += 1
        log.info("%s: part %d stored (%s, from %.3f s)", record.key.path, number, file.path.name, start_ms / 1000)
        return record

    async def _store_part(
        self, record: SessionRecord, file: Recorded, flv: Flv, start_ms: int, begin: int, end: int | None
    ) -> SourceInfo:
        number = record.parts + 1
        mp4 = self._tmp / f"{record.name}-{record.session}-{number}.mp4"
        stretch = mp4.with_suffix(".flv")
        try:
            if begin or end is not None:
                await asyncio.to_thread(cut_out, file.path, begin, end, stretch)
            await remux(stretch if stretch.exists() else file.path, flv, start_ms, mp4, fence=self._fence)
            source = record.source if record.parts else await _describe(mp4, self._fence)
            # A part of this number is this part, stored by an agent that died before it wrote so down.
            await asyncio.to_thread(self._store.put_file, record.key.part_key(number), mp4, if_absent=True)
        finally:
            mp4.unlink(missing_ok=True)
            stretch.unlink(missing_ok=True)
        return source

    def _give_up(self, file: Recorded, error: PanocastError) -> None:
        """Try a file that ffmpeg cannot read some more times, then set it aside for people to look at.

        Raises TemporaryError as long as another try is worth it.
        """
        self._failures[file.path] += 1
        if self._failures[file.path] < TRIES or disk_usage(file.path).free < file.path.stat().st_size:
            raise TemporaryError(f"{file.path.name} cannot be stored yet: {error}") from error
        aside = file.path.rename(file.path.with_suffix(".broken"))
        log.error("a part of %s is lost to its recording and kept as %s: %s", file.name, aside, error)


def _start(record: SessionRecord, file: Recorded, flv: Flv, seam: bool) -> int:
    """What must be added to a stretch's times to be on the session's clock (ms)."""
    opened = record.opened(file.time)
    if opened.stored:
        return opened.start_ms
    if not record.parts:
        return 0
    return (start_after if seam else start_of_next)(record.tail, flv.beat.first())


def _tail(before: Beat, after: Beat) -> Beat:
    """The last times of two stretches of one file."""
    return Beat(
        video_ms=(*before.video_ms, *after.video_ms)[-KEEP:], audio_ms=(*before.audio_ms, *after.audio_ms)[-KEEP:]
    )


async def _describe(mp4: Path, fence: FenceMode) -> SourceInfo:
    info = await probe(mp4, max_pixels=MAX_PIXELS, fence=fence)
    video = info.require_video()
    return SourceInfo(
        width=video.size.width,
        height=video.size.height,
        frame_rate=float(video.frame_rate),
        video_codec=video.codec,
        audio_codec=info.audio.codec if info.audio else None,
    )
