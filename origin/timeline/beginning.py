"""Where the first segment on a new clock of the source stands: on the peer's timeline, or on one of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from origin.timeline.marks import Marks
from origin.timeline.match import Seen
from origin.timeline.news import Floor
from origin.timeline.place import Place, timeline_id
from origin.timeline.plan import SavedTimeline

log = logging.getLogger(__name__)

# Room before the first date, so that audio and B-frames before the first keyframe have media times of 0 and above.
LEAD_IN_MS = 10_000


def join(gops: Iterable[Seen], own: SavedTimeline | None, peer: Marks) -> Place | None:
    """The peer's timeline where one of its segments begins with a keyframe that is here, too, and behind all that was
    published here (`own`)."""
    if own and own.zero_ms == peer.zero_ms:
        index = peer.at(own.end_ms - peer.offset_ms)
        if index is not None and peer.numbers[index] == own.number:
            # The stream that was here before, by another connection: what was missed becomes holes.
            return replace(own.at(own.end_ms - peer.offset_ms, peer.offset_ms), timeline=peer.timeline)
    for gop in gops:
        index = peer.at(gop.start_ms)
        if index is None:
            continue
        if own and (peer.numbers[index] < own.number or gop.start_ms + peer.offset_ms < own.end_ms):
            continue
        return Place(
            peer.timeline,
            peer.zero_ms,
            peer.offset_ms,
            peer.numbers[index],
            gop.start_ms,
            own is not None,
            max(peer.discontinuity_sequences[index], own.floor.discontinuity_sequence + 1 if own else 0),
        )
    return None


def begin_alone(name: str, role: str, first: Seen, floor: Floor) -> Place:
    """A new timeline by the own wall clock, above everything that is known of either origin (`floor`)."""
    known = floor != Floor()
    date_ms = max(first.seen_ms - (first.end_ms - first.start_ms), floor.date_ms)
    number = floor.number if known else date_ms // 1000
    place = Place(
        timeline_id(name, role, date_ms, number, first.fingerprint),
        date_ms - LEAD_IN_MS,
        date_ms - first.start_ms,
        number,
        first.start_ms,
        known,
        floor.discontinuity_sequence + known,
    )
    log.info("stream %s: timeline %s begins at number %d", name, place.timeline, number)
    return place
