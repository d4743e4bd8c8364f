"""Recordings on their way to the ingest store: each part is stored while the event runs, exactly once.

What is to do can be told from the disk alone: of a live publisher's files all but the newest are complete, of any other
name all are. A part is remuxed (always to the same bytes), put under a key that its number decides, written down in the
journal, and only then its FLV is deleted. So whatever is killed at whatever moment, the next round goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from shutil import disk_usage

from origin.clock import start_of_next
from origin.journal import Journal, SessionRecord
from origin.part import Flv, read_flv, remux
from origin.paths import OriginPaths
from origin.recorded import Recorded, complete_files, recorded_files
from origin.report import sphere_of
from origin.stat import Stat
from panocast.errors import PanocastError, RefusedError, TemporaryError
from panocast.ladder import Size
from panocast.layout import RECORDINGS
from panocast.probe import probe
from panocast.process import ProcessError
from panocast.recording import EndMarker, SourceInfo
from panocast.settings import StreamSettings
from panocast.store import Store

log = logging.getLogger(__name__)

MAX_PIXELS = 16384 * 16384
TRIES = 5
# From the doorkeeper's answer until nginx shows the publisher.
ADMISSION_S = 10.0


class Recorder:
    """Takes recordings from nginx's folder to the store; call `step` often, one at a time."""

    def __init__(
        self,
        paths: OriginPaths,
        store: Store,
        journal: Journal,
        role: str,
        streams: Mapping[str, StreamSettings],
    ) -> None:
        self._paths = paths
        self._store = store
        self._journal = journal
        self._role = role
        self._streams = streams
        self._failures: Counter[Path] = Counter()

    async def step(self, stat_now: Callable[[], Awaitable[Stat]]) -> None:
        """Store what is complete, close what has ended. Raises what the last stream failed with, TemporaryError while
        nginx is away.

        The disk is looked at before nginx is asked: a file that was there then, and whose publisher is gone now, is
        complete.
        """
        sessions = self._journal.sessions()
        files = recorded_files(self._paths.recordings)
        if not sessions and not files:
            return
        stat = await stat_now()
        live = {name: (stat.pid, seen.client) for name, seen in stat.of("live").items()}
        failure: PanocastError | OSError | None = None
        for name in sorted(sessions.keys() | files.keys()):
            try:
                await self._step(name, sessions.get(name, []), files.get(name, []), live.get(name))
            except (PanocastError, OSError) as error:
                failure = error  # another stream's store may answer
        if failure:
            raise failure

    async def _step(
        self, name: str, records: list[SessionRecord], files: list[Recorded], live: tuple[int, int] | None
    ) -> None:
        for file in complete_files(files) if live else files:
            record = _owner(records, file)
            if record is None:
                record = await asyncio.to_thread(self._adopt, file)
                records.insert(0, record)
            records[records.index(record)] = await self._store_part(record, file)
        left = [_owner(records, file) for file in recorded_files(self._paths.recordings).get(name, [])]
        for record in records:
            if (record.nginx_pid, record.client) != live and record not in left and not _awaited(record):
                await self._close(record)

    def _adopt(self, file: Recorded) -> SessionRecord:
        """A session of its own for a file of which the journal knows nothing."""
        log.warning("%s belongs to no known session: it gets one of its own", file.path.name)
        while True:
            record = self._journal.begin(file.name, 0, 0, datetime.fromtimestamp(file.time, UTC))
            if not any(self._store.list(f"{RECORDINGS}{record.key.path}/")):
                return record
            self._journal.forget(record)  # something is stored under this name already

    async def _store_part(self, record: SessionRecord, file: Recorded) -> SessionRecord:
        """Store one file as the session's next part; the session as it is then."""
        if file.time != record.last_file:  # else an earlier agent died before it deleted it
            flv = await asyncio.to_thread(read_flv, file.path)
            if not flv.usable:
                log.warning("%s holds no picture that panocast takes: it is not kept", file.path.name)
            else:
                try:
                    record = await self._store_usable(record, file, flv)
                except (ProcessError, RefusedError) as error:
                    self._give_up(file, error)
                    return record
        file.path.unlink(missing_ok=True)
        return record

    async def _store_usable(self, record: SessionRecord, file: Recorded, flv: Flv) -> SessionRecord:
        start_ms = start_of_next(record.tail, flv.beat.first()) if record.parts else 0
        number = record.parts + 1
        mp4 = self._paths.tmp / f"{record.name}-{record.session}-{number}.mp4"
        try:
            await remux(file.path, flv, start_ms, mp4)
            source = record.source if record.parts else await _describe(mp4)
            # A part of this number is this part, stored by an agent that died before it wrote so down.
            await asyncio.to_thread(self._store.put_file, record.key.part_key(number), mp4, if_absent=True)
        finally:
            mp4.unlink(missing_ok=True)
        record = record.model_copy(
            update={
                "parts": number,
                "last_file": file.time,
                "end_ms": start_ms + flv.end_ms,
                "tail": flv.beat.last(start_ms),
                "source": source,
            }
        )
        self._journal.save(record)
        log.info("%s: part %d stored (%s, from %.3f s)", record.key.path, number, file.path.name, start_ms / 1000)
        return record

    def _give_up(self, file: Recorded, error: PanocastError) -> None:
        """Try a file that ffmpeg cannot read some more times, then set it aside for people to look at.

        Raises TemporaryError as long as another try is worth it.
        """
        self._failures[file.path] += 1
        if self._failures[file.path] < TRIES or disk_usage(file.path).free < file.path.stat().st_size:
            raise TemporaryError(f"{file.path.name} cannot be stored yet: {error}") from error
        aside = file.path.rename(file.path.with_suffix(".broken"))
        log.error("a part of %s is lost to its recording and kept as %s: %s", file.name, aside, error)

    async def _close(self, record: SessionRecord) -> None:
        """The publish ended and all of it is stored: say so in the store, then forget it."""
        if record.parts:
            marker = self._marker(record)
            await asyncio.to_thread(self._store.put_bytes, record.key.end_key, marker.model_dump_json().encode())
            log.info("%s: closed, %d parts, %.1f s", record.key.path, marker.parts, marker.duration_s)
        self._journal.forget(record)

    def _marker(self, record: SessionRecord) -> EndMarker:
        told = self._streams.get(record.name, StreamSettings())
        projection, stereo = sphere_of(told, Size(record.source.width, record.source.height))
        return EndMarker(
            name=record.name,
            session=record.session,
            parts=record.parts,
            duration_s=record.end_ms / 1000,
            started=record.started,
            origin="backup" if self._role == "backup" else "primary",
            title=told.title,
            projection=projection,
            stereo=stereo,
            source=record.source,
        )


def _owner(records: Sequence[SessionRecord], file: Recorded) -> SessionRecord | None:
    """The session a file belongs to: the last that began before it, for the doorkeeper writes each down first."""
    return next((r for r in reversed(records) if int(r.started.timestamp()) <= file.time), None)


def _awaited(record: SessionRecord) -> bool:
    """Whether nginx may be about to let this publisher in."""
    return record.parts == 0 and (datetime.now(UTC) - record.started).total_seconds() < ADMISSION_S


async def _describe(mp4: Path) -> SourceInfo:
    info = await probe(mp4, max_pixels=MAX_PIXELS)
    video = info.require_video()
    return SourceInfo(
        width=video.size.width,
        height=video.size.height,
        frame_rate=float(video.frame_rate),
        video_codec=video.codec,
        audio_codec=info.audio.codec if info.audio else None,
    )


async def record(
    recorder: Recorder, stat_now: Callable[[], Awaitable[Stat]], woken: asyncio.Event, *, pause_s: float = 1.0
) -> None:
    """Store recordings for ever; what fails is tried again, and said again when it fails differently."""
    said = ""
    while True:
        woken.clear()
        try:
            await recorder.step(stat_now)
            said = ""
        except Exception as error:  # the top of a loop that nothing may end
            if str(error) != said:
                said = str(error)
                known = isinstance(error, PanocastError | OSError)
                log.warning("recordings wait: %s", error, exc_info=None if known else error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await woken.wait()
