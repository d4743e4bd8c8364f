"""What the ingest store has and nobody has finished: so that a purged queue loses nothing, and people see what waits.

Everything here lists whole stores and blocks: for people's commands, not for every job.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from panocast.errors import RefusedError
from panocast.layout import (
    DONE,
    FAILED,
    RECORDINGS,
    UPLOADS,
    EndKey,
    PartKey,
    Session,
    UploadKey,
    failed_key,
    parse_ingest_key,
    upload_session,
)
from panocast.store import Stat, Store
from transcoder.event import is_done, read_done, read_end

_MARKER = re.compile(r"(\d{4,6})\.json")


@dataclass(frozen=True, slots=True)
class SessionState:
    """An unfinished session: the parts that are there and those that are transcoded, by number; `counted` is how many
    it has, None while it is open; `latest` is when the last of its objects arrived."""

    session: Session
    there: frozenset[int]
    made: frozenset[int]
    counted: int | None
    latest: datetime

    @property
    def absent(self) -> tuple[int, ...]:
        """The parts that the end marker counts and that never arrived."""
        numbers = range(1, (self.counted or 0) + 1)
        return tuple(number for number in numbers if number not in self.there | self.made)

    @property
    def is_made(self) -> bool:
        """Whether it is closed and every part of it is transcoded."""
        return self.counted is not None and self.made.issuperset(range(1, self.counted + 1))

    def to_do(self) -> Iterator[str]:
        """The objects that need a job."""
        yield from (self.session.part_key(number) for number in sorted(self.there - self.made))
        if self.counted is not None:
            yield self.session.end_key

    def in_words(self) -> str:
        """What it waits for, for people."""
        made = f"{len(self.made)} of {self.counted or len(self.there)} parts transcoded"
        if self.counted is None:
            return f"{self.session.path}: {made}; not closed yet, last heard of {self.latest:%Y-%m-%d %H:%M} UTC"
        if self.absent:
            return f"{self.session.path}: {made}; {parts_in_words(self.absent)} not arrived"
        return f"{self.session.path}: {made}"


def parts_in_words(numbers: tuple[int, ...]) -> str:
    """Such as "parts 3, 4 have"."""
    named = ", ".join(map(str, numbers[:10])) + (", …" if len(numbers) > 10 else "")
    return f"part {named} has" if len(numbers) == 1 else f"parts {named} have"


def session_state(ingest: Store, egress: Store, session: Session) -> SessionState:
    """How far a session is. Raises RefusedError when its end marker makes no sense."""
    return _state(egress, session, list(ingest.list(f"{RECORDINGS}{session.path}/")), ingest)


def unfinished(ingest: Store, egress: Store) -> list[SessionState]:
    """Every session that is not done, the earliest first."""
    done = {stat.key: stat.modified for stat in egress.list(DONE)}
    found: dict[Session, list[Stat]] = {}
    for stat in ingest.list(RECORDINGS):
        at = parse_ingest_key(stat.key)
        if isinstance(at, PartKey | EndKey):
            found.setdefault(at.session, []).append(stat)
    states = [
        _state(egress, session, stats, ingest)
        for session, stats in found.items()
        if session.done_key not in done or _goes_on(ingest, egress, session, stats, done[session.done_key])
    ]
    return sorted(states, key=lambda state: (state.session.id, state.session.name))


def uncut_uploads(ingest: Store) -> Iterator[str]:
    """The keys of uploads that have not become a recording yet."""
    closed = {stat.key for stat in ingest.list(RECORDINGS) if stat.key.endswith("/end.json")}
    for stat in ingest.list(UPLOADS):
        if isinstance(parse_ingest_key(stat.key), UploadKey):
            session = upload_session(stat.key, stat.etag, stat.modified)
            if session.end_key not in closed:
                yield stat.key


def missing_keys(ingest: Store, egress: Store) -> list[str]:
    """The objects of the ingest store that need a job and did not fail for good."""
    failed = {stat.key for stat in egress.list(FAILED)}
    keys = [*uncut_uploads(ingest), *(key for state in unfinished(ingest, egress) for key in state.to_do())]
    return [key for key in keys if failed_key(key) not in failed]


def _goes_on(ingest: Store, egress: Store, session: Session, stats: Iterable[Stat], done: datetime) -> bool:
    """Whether a session that was done has become longer since."""
    closed_anew = any(stat.key == session.end_key and stat.modified > done for stat in stats)
    return closed_anew and not is_done(ingest, egress, session)


def _state(egress: Store, session: Session, stats: Iterable[Stat], ingest: Store) -> SessionState:
    stats = list(stats)
    found = [parse_ingest_key(stat.key) for stat in stats]
    closed = any(isinstance(at, EndKey) for at in found)
    markers = (stat.key.removeprefix(session.work_prefix) for stat in egress.list(session.work_prefix))
    done = read_done(egress, session)
    return SessionState(
        session,
        frozenset(at.number for at in found if isinstance(at, PartKey)),
        frozenset(int(match[1]) for name in markers if (match := _MARKER.fullmatch(name)))
        | frozenset(done.made if done else ()),
        _count(ingest, session) if closed else None,
        max((stat.modified for stat in stats), default=datetime.fromtimestamp(0, UTC)),
    )


def _count(ingest: Store, session: Session) -> int | None:
    try:
        end = read_end(ingest, session)
    except RefusedError:  # its own job says so
        return 0
    return end.parts if end else None
