"""Primary and backup of one event: what the recording that is shown lacks, the other one gives.

Done by whoever finishes the later of the two, after it is published: first viewers get what there is, then all of it.
"""

from __future__ import annotations

import logging

from panocast.errors import NotFoundError, TemporaryError
from panocast.layout import Session
from panocast.threads import in_thread
from transcoder.event import Done, partners, read_done, read_end, recordings_around
from transcoder.finish import clear, publish, read_markers
from transcoder.partner import complete
from transcoder.patch import Completion
from transcoder.publish import Asset, edition_of, on_one_clock
from transcoder.restore import restore
from transcoder.settle import read_shown
from transcoder.workplace import Workplace

log = logging.getLogger(__name__)


async def merge(place: Workplace, session: Session) -> Asset | None:
    """Complete the asset of a session's event; None where there is nothing to do, or another has done it."""
    done = await in_thread(read_done, place.egress, session)
    if done is None or session.role == "upload":
        return None
    other = await in_thread(_partner, place, session, done)
    at = Session(session.name, done.asset.rpartition("/")[2])
    shown = await in_thread(read_shown, place.egress, at)
    if other is None or shown is None:
        return None
    both = {session.id: (session, done), other[0].id: other}
    if shown.recording not in both:
        return None
    ours, our_done = both.pop(shown.recording)
    [(theirs, their_done)] = both.values()
    edition = edition_of(our_done.parts, their_done.parts)
    if shown.has(edition):
        return None
    return await _complete(place, at, (ours, our_done), (theirs, their_done), edition)


def _partner(place: Workplace, session: Session, done: Done) -> tuple[Session, Done] | None:
    """The other recording of the event, if it is done, too; blocks."""
    for other in partners(session, recordings_around(place.ingest, session)):
        their_done = read_done(place.egress, other)
        if their_done and their_done.asset == done.asset:
            return other, their_done
    return None


async def _complete(
    place: Workplace, at: Session, ours: tuple[Session, Done], theirs: tuple[Session, Done], edition: str
) -> Asset | None:
    (session, done), (partner, their_done) = ours, theirs
    end = await in_thread(read_end, place.ingest, session)
    their_end = await in_thread(read_end, place.ingest, partner)
    if end is None or their_end is None or end.parts != done.parts:
        return None
    score = complete(on_one_clock(done.made), end.seams, on_one_clock(their_done.made), their_end.seams)
    if not score.patches:
        return None
    if await restore(place, session, done):
        return None
    parts = await read_markers(place, session, end)
    if parts is None:
        return None
    try:
        completion = Completion(partner, score)
        asset = await publish(place, at, session, end, on_one_clock(parts), completion, their_done.parts)
    except NotFoundError as error:
        shown = await in_thread(read_shown, place.egress, at)
        if shown is None or not shown.has(edition):
            raise TemporaryError(f"{session.path}: {error}") from error
        asset = None
    await clear(place, session, end.parts)
    log.info("%s: completed by %s", session.path, partner.path)
    return asset
