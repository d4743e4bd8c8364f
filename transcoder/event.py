"""Two recordings of one event: primary and backup record the same stream, and one asset comes of it.

Recordings belong together when they come from different origins and one of them covers the other (nearly). The asset
stands at the earlier one's place and shows the longer one. Two that merely overlap stay two: each shows something that
the other does not, and an event cannot be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError

from panocast.errors import NotFoundError, RefusedError
from panocast.layout import RECORDINGS, EndKey, PartKey, Session, parse_ingest_key
from panocast.recording import EndMarker
from panocast.store import Stat, Store
from transcoder.markers import PartMarker

# A session's id counts whole seconds, and two origins do not begin and end in the same instant.
SLACK_S, SLACK_SHARE = 2.0, 0.1
# A recording without an end marker goes on at least until its next part can have arrived.
OPEN_S = 60.0
SAME_LENGTH_S = 1.0


class Done(BaseModel):
    """`done/NAME/SESSION.json`: nothing is left to do for the session as long as it has no more than so many `parts`;
    the asset that shows its event, as a path; what was made of its parts, should it go on."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    asset: str
    parts: int = 0
    made: Mapping[int, PartMarker] = {}


@dataclass(frozen=True, slots=True)
class Recording:
    """A session and the seconds (Unix time) from and to which it recorded."""

    session: Session
    start_s: float
    end_s: float


def belong_together(one: Recording, other: Recording) -> bool:
    """Whether two recordings show the same event."""
    if {one.session.role, other.session.role} != {"primary", "backup"}:
        return False
    shared_s = min(one.end_s, other.end_s) - max(one.start_s, other.start_s)
    shorter_s = min(one.end_s - one.start_s, other.end_s - other.start_s)
    return shared_s > 0 and shorter_s - shared_s <= SLACK_S + SLACK_SHARE * shorter_s


def partners(session: Session, recordings: Iterable[Recording]) -> list[Session]:
    """The sessions that show the same event as `session`, the earliest first."""
    known = {recording.session: recording for recording in recordings}
    ours = known.get(session)
    if ours is None:
        return []
    return sorted(other.session for other in known.values() if belong_together(ours, other))


def recordings_around(ingest: Store, session: Session) -> list[Recording]:
    """The recordings of the same stream that began a day or less from `session`; blocks."""
    stats: dict[Session, list[Stat]] = {}
    for days in (-1, 0, 1):
        day = f"{session.started + timedelta(days=days):%Y%m%d}"
        for stat in ingest.list(f"{RECORDINGS}{session.name}/{day}"):
            if isinstance(at := parse_ingest_key(stat.key), PartKey | EndKey):
                stats.setdefault(at.session, []).append(stat)
    return [_recording(ingest, each, found) for each, found in stats.items()]


def _recording(ingest: Store, session: Session, stats: Sequence[Stat]) -> Recording:
    start_s = session.started.timestamp()
    try:
        end = read_end(ingest, session) if any(stat.key == session.end_key for stat in stats) else None
    except RefusedError:
        end = None
    if end:
        # An encoder that came back had been away: that takes time, but none on the recording's clock.
        ended_s = end.ended.timestamp() if end.ended else 0.0
        return Recording(session, start_s, max(start_s + end.duration_s, ended_s))
    return Recording(session, start_s, max(stat.modified for stat in stats).timestamp() + OPEN_S)


def read_end(ingest: Store, session: Session) -> EndMarker | None:
    """A session's end marker, None while it is open; RefusedError when it makes no sense. Blocks."""
    try:
        data, _ = ingest.get_bytes(session.end_key)
    except NotFoundError:
        return None
    try:
        end = EndMarker.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise RefusedError(f"the end marker makes no sense: {where}: {first['msg']}") from error
    if end.parts == 0:
        raise RefusedError("the recording has no parts: nothing was recorded")
    return end


def read_done(egress: Store, session: Session) -> Done | None:
    """What was noted when a session was done, None when it is not; blocks."""
    try:
        data, _ = egress.get_bytes(session.done_key)
    except NotFoundError:
        return None
    return Done.model_validate_json(data)


def note_done(egress: Store, session: Session, asset: Session, made: Mapping[int, PartMarker]) -> None:
    """Note that nothing is left to do for a session of so many parts, unless it is noted for as many; blocks."""
    done = Done(asset=asset.path, parts=len(made), made=made).model_dump_json().encode()
    while not egress.put_bytes(session.done_key, done, if_absent=True):
        data, stat = egress.get_bytes(session.done_key)
        if Done.model_validate_json(data).parts >= len(made):
            return
        if egress.put_bytes(session.done_key, done, if_match=stat.etag):
            return


def note_gone(egress: Store, session: Session, gone: Mapping[int, PartMarker]) -> None:
    """Note that nothing is left of what was made of some parts of a session that is done; blocks."""
    while True:
        data, stat = egress.get_bytes(session.done_key)
        done = Done.model_validate_json(data)
        made = {number: marker for number, marker in done.made.items() if gone.get(number) != marker}
        kept = done.model_copy(update={"made": made}).model_dump_json().encode()
        if len(made) == len(done.made) or egress.put_bytes(session.done_key, kept, if_match=stat.etag):
            return


def is_done(ingest: Store, egress: Store, session: Session, part: int = 0) -> bool:
    """Whether nothing is left to do for a session, or for a part of it: an encoder that came back makes it longer;
    blocks."""
    done = read_done(egress, session)
    if done is None or part > done.parts:
        return False
    try:
        end = read_end(ingest, session)
    except RefusedError:
        return True
    return end is None or end.parts <= done.parts


def asset_place(ingest: Store, egress: Store, session: Session) -> Session:
    """The session at whose place the event of `session` is published: where it is already, else where another of its
    recordings is, else the earliest; blocks."""
    if session.role == "upload":
        return session
    others = partners(session, recordings_around(ingest, session))
    for known in (session, *others):  # its own first: what viewers have a link to goes on where it is
        if done := read_done(egress, known):
            return Session(session.name, done.asset.rpartition("/")[2])
    return min([session, *others])


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
