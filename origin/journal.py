"""What the agent must not forget: one small file for each recording that is not closed yet, or may go on.

A session begins when nginx may let a publisher in, before it does. An encoder that comes back within the grace time
goes on with its session; so the file goes when the end marker is stored and that time is over.
Everything else about a recording can be told from the files that nginx left.
"""

from __future__ import annotations

import logging
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock

from pydantic import BaseModel, ConfigDict, ValidationError

from origin.clock import Beat
from panocast.folders import replace_file
from panocast.layout import Session, is_stream_name, session_id
from panocast.recording import SourceInfo

log = logging.getLogger(__name__)

# nginx begins a file in the second in which it ends the one before.
UNRECORDED_S = 3.0
# Ids that no other session gets: more than begin within the seconds in which an id could come again.
_GIVEN = 100


class OpenFile(BaseModel):
    """A file that nginx still writes to, and of which the beginning is stored: up to the offset `stored`; the part up
    to `planned`, where that is more, may be stored already. What must be added to its times is `start_ms`."""

    model_config = ConfigDict(frozen=True)

    time: int
    start_ms: int = 0
    stored: int = 0
    planned: int = 0


class SessionRecord(BaseModel):
    """One event of one encoder: who it is to nginx, and how far its recording is stored.

    `pushed` says that it is the other origin, which hands on what it is sent. `last_file` is the time in the name of
    the last stored file, which may not be deleted yet, `end_ms` where its pictures end on the session's clock, `tail`
    what the next part's place is measured from. `joined` are the seconds in which the encoder came back, `seams` the
    parts before which something is missing, `heard` is when nginx last wrote to what is stored, `closed_parts` how many
    parts the stored end marker counts.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    session: str
    nginx_pid: int
    client: int
    pushed: bool = False
    started: datetime
    joined: tuple[int, ...] = ()
    parts: int = 0
    seams: tuple[int, ...] = ()
    last_file: int = 0
    open_file: OpenFile | None = None
    end_ms: int = 0
    tail: Beat = Beat()
    source: SourceInfo = SourceInfo()
    heard: datetime | None = None
    closed_parts: int = 0

    @property
    def key(self) -> Session:
        """Its name in the stores."""
        return Session(self.name, self.session)

    @property
    def last_joined(self) -> int:
        """The second in which its encoder came, the last time."""
        return self.joined[-1] if self.joined else int(self.started.timestamp())

    def opened(self, time: int) -> OpenFile:
        """How far the file of this time is stored."""
        return self.open_file if self.open_file and self.open_file.time == time else OpenFile(time=time)

    def is_seam(self, time: int) -> bool:
        """Whether the file of this time, the next to be stored, is the first of a connection that is not, or what came
        before it was not recorded."""
        joins = any(self.last_file < joined <= time for joined in self.joined)
        missed = self.heard is not None and time - self.heard.timestamp() > UNRECORDED_S
        return self.parts > 0 and (joins or missed)


class Journal:
    """The folder of session files; every change is whole and on the disk when it returns, which may take a while: call
    what changes something in a thread."""

    def __init__(self, folder: Path, role: str, grace_s: float = 0.0) -> None:
        self._folder = folder
        self._role = role
        self._grace = timedelta(seconds=grace_s)
        self._given: deque[tuple[str, str]] = deque(maxlen=_GIVEN)
        self._one_at_a_time = RLock()

    def begin(
        self, name: str, nginx_pid: int, client: int, started: datetime | None = None, *, pushed: bool = False
    ) -> SessionRecord:
        """Write down a new session; its id is unique even where two begin within a second."""
        started = started or datetime.now(UTC)
        stamp = started
        with self._one_at_a_time:
            session = session_id(stamp, self._role)
            while (name, session) in self._given or self._path(name, session).exists():
                stamp += timedelta(seconds=1)
                session = session_id(stamp, self._role)
            self._given.append((name, session))
            record = SessionRecord(
                name=name, session=session, nginx_pid=nginx_pid, client=client, pushed=pushed, started=started
            )
            self.save(record)
        return record

    def resume(
        self,
        name: str,
        nginx_pid: int,
        client: int,
        heard: datetime | None = None,
        *,
        pushed: bool = False,
        now: datetime | None = None,
    ) -> SessionRecord | None:
        """Go on with the last session of a name, if it was heard of within the grace time; `heard` is when nginx last
        wrote to a file of this name."""
        now = now or datetime.now(UTC)
        with self._one_at_a_time:
            records = self.sessions().get(name)
            if not records or (records[-1].heard is None and heard is None):
                return None
            last = records[-1]
            latest = max(time for time in (last.heard, heard, last.started) if time)
            if not timedelta() <= now - latest < self._grace:
                return None
            joins = {"joined": (*last.joined, int(now.timestamp())), "pushed": pushed}
            record = last.model_copy(update={"nginx_pid": nginx_pid, "client": client, **joins})
            self.save(record)
        return record

    def may_resume(self, record: SessionRecord, now: datetime | None = None) -> bool:
        """Whether the encoder of a session that is stored may still come back to it."""
        return record.heard is not None and (now or datetime.now(UTC)) - record.heard < self._grace

    def is_pushed(self, name: str, nginx_pid: int, client: int) -> bool:
        """Whether this publisher is the other origin."""
        known = self.sessions().get(name, [])
        return any(record.pushed and (record.nginx_pid, record.client) == (nginx_pid, client) for record in known)

    def now_of(self, record: SessionRecord) -> SessionRecord:
        """What is known of a session by now: its encoder may have come back meanwhile."""
        path = self._path(record.name, record.session)
        return (_read(path) if path.exists() else None) or record

    def update(self, record: SessionRecord, **changes: object) -> SessionRecord:
        """Change some of what is written down of a session, and nothing else; the session as it is then."""
        with self._one_at_a_time:
            record = self.now_of(record).model_copy(update=changes)
            self.save(record)
        return record

    def save(self, record: SessionRecord) -> None:
        """Write a session down in place of what was known of it."""
        path = self._path(record.name, record.session)
        path.parent.mkdir(exist_ok=True)
        replace_file(path, record.model_dump_json())

    def forget(self, record: SessionRecord) -> None:
        """The session is closed for good, or never had a recording; one whose encoder has come back meanwhile stays."""
        with self._one_at_a_time:
            if self.now_of(record).joined == record.joined:
                self._path(record.name, record.session).unlink(missing_ok=True)

    def sessions(self) -> dict[str, list[SessionRecord]]:
        """What is not closed, or may go on: for each stream name its sessions, in the order they began. Raises
        OSError."""
        found: dict[str, list[SessionRecord]] = {}
        for path in sorted(self._folder.glob("*/*.json")):
            if is_stream_name(path.parent.name) and (record := _read(path)):
                found.setdefault(record.name, []).append(record)
        for records in found.values():
            records.sort(key=lambda record: record.started)
        return found

    def _path(self, name: str, session: str) -> Path:
        return self._folder / name / f"{session}.json"


def _read(path: Path) -> SessionRecord | None:
    """Raises OSError: what cannot be read now may be read in a moment."""
    try:
        return SessionRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        log.error("%s cannot be read, its recording gets a new session: %s", path, error)
        path.rename(path.with_suffix(".broken"))
        return None
