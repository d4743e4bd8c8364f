"""Recordings on their way to the ingest store: each part is stored while the event runs, exactly once.

What is to do can be told from the disk alone: of a live publisher's files all but the newest are complete, of any other
name all are. A part is stored (`origin/parts.py`), and only then its FLV is deleted. So whatever is killed at whatever
moment, the next round goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from origin.journal import Journal, SessionRecord
from origin.parts import Parts
from origin.paths import OriginPaths
from origin.recorded import Recorded, complete_files, recorded_files
from origin.report import sphere_of
from origin.stat import Stat
from panocast.errors import PanocastError
from panocast.fence import FenceMode
from panocast.ladder import Size
from panocast.layout import RECORDINGS
from panocast.recording import EndMarker
from panocast.settings import StreamSettings
from panocast.store import Store
from panocast.threads import in_thread

log = logging.getLogger(__name__)

# From the doorkeeper's answer until nginx shows the publisher.
ADMISSION_S = 10.0


class Recorder:
    """Takes recordings from nginx's folder to the store; call `step` often, one at a time. `stored` counts parts."""

    def __init__(
        self,
        paths: OriginPaths,
        store: Store,
        journal: Journal,
        role: str,
        streams: Mapping[str, StreamSettings],
        *,
        fence: FenceMode = "auto",
    ) -> None:
        self._paths = paths
        self._store = store
        self._journal = journal
        self._role = role
        self._streams = streams
        self._parts = Parts(store, journal, paths.tmp, fence)

    @property
    def stored(self) -> int:
        """How many parts were stored."""
        return self._parts.stored

    async def step(
        self,
        stat_now: Callable[[], Awaitable[Stat]],
        *,
        hurried: bool = False,
        closed_all: Callable[[], bool] = lambda: False,
    ) -> None:
        """Store what is complete, close what has ended; when `hurried`, store also what nginx has written so far of
        files that it goes on with. `closed_all` says whether nginx has none open, whoever publishes. Raises what the
        last stream failed with, TemporaryError while nginx is away.

        The disk is looked at before nginx is asked: a file that was there then, and whose publisher is gone now, is
        complete.
        """
        sessions = self._journal.sessions()
        files = recorded_files(self._paths.recordings)
        if not sessions and not files:
            return
        complete = files if closed_all() else {}
        stat = await stat_now()
        live = {name: (stat.pid, seen.client) for name, seen in stat.of("live").items()}
        failure: PanocastError | OSError | None = None
        for name in sorted(sessions.keys() | files.keys()):
            try:
                found = files.get(name, [])
                known = complete.get(name) or (complete_files(found) if name in live else found)
                await self._step(name, sessions.get(name, []), found, known, live.get(name), hurried)
            except (PanocastError, OSError) as error:
                failure = error  # another stream's store may answer
        if failure:
            raise failure

    async def _step(
        self,
        name: str,
        records: list[SessionRecord],
        files: list[Recorded],
        complete: list[Recorded],
        live: tuple[int, int] | None,
        hurried: bool,
    ) -> None:
        for file in complete:
            record = _owner(records, file)
            if record is None:
                record = await asyncio.to_thread(self._adopt, file)
                records.insert(0, record)
            records[records.index(record)] = await self._parts.store_file(record, file)
        for file in files if hurried else ():
            if file not in complete and (record := _owner(records, file)):
                records[records.index(record)] = await self._parts.store_so_far(record, file)
        left = [_owner(records, file) for file in recorded_files(self._paths.recordings).get(name, [])]
        for record in records:
            if record not in left:
                # nginx counts anew after a restart: only the last session can be the one that is published.
                await self._end(self._journal.now_of(record), live if record is records[-1] else None)

    async def _end(self, record: SessionRecord, live: tuple[int, int] | None) -> None:
        """All of it is stored: close it, unless its encoder is here or about to be; forget it once none comes back."""
        if (record.nginx_pid, record.client) == live or _awaited(record):
            return
        if record.parts > record.closed_parts:
            closed = await self._close(record)
            if closed.joined != record.joined:
                return  # its encoder has come back meanwhile
            record = closed
        if not record.parts or not self._journal.may_resume(record):
            await in_thread(self._journal.forget, record)

    def _adopt(self, file: Recorded) -> SessionRecord:
        """A session of its own for a file of which the journal knows nothing."""
        log.warning("%s belongs to no known session: it gets one of its own", file.path.name)
        while True:
            record = self._journal.begin(file.name, 0, 0, datetime.fromtimestamp(file.time, UTC))
            if not any(self._store.list(f"{RECORDINGS}{record.key.path}/")):
                return record
            self._journal.forget(record)  # something is stored under this name already

    async def _close(self, record: SessionRecord) -> SessionRecord:
        """Say in the store that the publish ended and how many parts it has."""
        marker = self._marker(record)
        await asyncio.to_thread(self._store.put_bytes, record.key.end_key, marker.model_dump_json().encode())
        log.info("%s: closed, %d parts, %.1f s", record.key.path, marker.parts, marker.duration_s)
        return await in_thread(partial(self._journal.update, record, closed_parts=record.parts))

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
            orientation=told.orientation,
            source=record.source,
            seams=record.seams,
            ended=record.heard,
        )


def _owner(records: Sequence[SessionRecord], file: Recorded) -> SessionRecord | None:
    """The session a file belongs to: the last that began before it, for the doorkeeper writes each down first."""
    return next((r for r in reversed(records) if int(r.started.timestamp()) <= file.time), None)


def _awaited(record: SessionRecord) -> bool:
    """Whether nginx may be about to let this publisher in."""
    came = record.last_joined
    return record.last_file < came and datetime.now(UTC).timestamp() - came < ADMISSION_S
