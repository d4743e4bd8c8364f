"""What the agent must not forget: one small file for each recording that is not closed yet.

A session begins when nginx may let a publisher in, before it does; its file goes when its end marker is stored.
Everything else about a recording can be told from the files that nginx left.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from origin.clock import Beat
from panocast.layout import Session, is_stream_name, session_id
from panocast.recording import SourceInfo

log = logging.getLogger(__name__)


class SessionRecord(BaseModel):
    """One publish: who it is to nginx, and how far its recording is stored.

    `last_file` is the time in the name of the last stored file, which may not be deleted yet, `end_ms` where its
    pictures end on the session's clock, `tail` what the next part's place is measured from.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    session: str
    nginx_pid: int
    client: int
    started: datetime
    parts: int = 0
    last_file: int = 0
    end_ms: int = 0
    tail: Beat = Beat()
    source: SourceInfo = SourceInfo()

    @property
    def key(self) -> Session:
        """Its name in the stores."""
        return Session(self.name, self.session)


class Journal:
    """The folder of session files; every change is whole and on the disk when it returns."""

    def __init__(self, folder: Path, role: str) -> None:
        self._folder = folder
        self._role = role
        self._given: set[tuple[str, str]] = set()

    def begin(self, name: str, nginx_pid: int, client: int, started: datetime | None = None) -> SessionRecord:
        """Write down a new session; its id is unique even where two begin within a second."""
        started = started or datetime.now(UTC)
        stamp = started
        session = session_id(stamp, self._role)
        while (name, session) in self._given or self._path(name, session).exists():
            stamp += timedelta(seconds=1)
            session = session_id(stamp, self._role)
        self._given.add((name, session))
        record = SessionRecord(name=name, session=session, nginx_pid=nginx_pid, client=client, started=started)
        self.save(record)
        return record

    def save(self, record: SessionRecord) -> None:
        """Write a session down in place of what was known of it."""
        path = self._path(record.name, record.session)
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_suffix(".new")
        with fresh.open("w") as file:
            file.write(record.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync(path.parent)

    def forget(self, record: SessionRecord) -> None:
        """The session is closed, or never had a recording."""
        self._path(record.name, record.session).unlink(missing_ok=True)

    def sessions(self) -> dict[str, list[SessionRecord]]:
        """What is not closed yet: for each stream name its sessions, in the order they began."""
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
    try:
        return SessionRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        log.error("%s cannot be read, its recording gets a new session: %s", path, error)
        path.rename(path.with_suffix(".broken"))
        return None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
