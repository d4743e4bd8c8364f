"""The place of the next segment, and how it moves when it meets the peer's.

Two origins that decided alone may stand on different timelines, or have drifted apart on one. Numbers and dates of
what an origin has published only go forward, so the one that is behind moves to the one that is ahead. The rule sees
the same two places from both sides and moves only ever upwards, so both come to the same place and stay there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from origin.timeline.marks import Marks
from origin.timeline.match import JITTER_MS


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next segment stands: its start on the source's clock, its number, and the timeline they are on."""

    timeline: str
    zero_ms: int
    offset_ms: int
    number: int
    start_ms: int
    discontinuity: bool
    discontinuity_sequence: int

    @property
    def date_ms(self) -> int:
        """The date of its start."""
        return self.start_ms + self.offset_ms

    def seam(self, number: int, discontinuity_sequence: int = 0) -> Place:
        """The same place with a jump of numbers or media time before it, marked as such."""
        if not self.discontinuity:
            discontinuity_sequence = max(discontinuity_sequence, self.discontinuity_sequence + 1)
        sequence = max(discontinuity_sequence, self.discontinuity_sequence)
        return replace(self, number=number, discontinuity=True, discontinuity_sequence=sequence)

    def fork(self, role: str) -> Place:
        """The same place under a new id: media times go on, and no name can collide with the peer's, not even where it
        does the same at this place."""
        return replace(self, timeline=timeline_id(self.timeline, self.number, self.date_ms, role))


def meet(own: Place, peer: Marks, index: int) -> Place:
    """Where the next segment stands, given that the peer's segment `index` begins at the same keyframe."""
    number = peer.numbers[index]
    ahead_ms = own.offset_ms - peer.offset_ms
    same_clock = own.zero_ms == peer.zero_ms and abs(ahead_ms) <= JITTER_MS
    if number < own.number:
        return own
    if ahead_ms > JITTER_MS:
        # Ahead in date, behind in number: catch up in number, then it is the peer that is behind.
        return own.seam(number) if number > own.number else own
    if number == own.number and same_clock:
        return replace(own, timeline=min(own.timeline, peer.timeline))
    older = (peer.zero_ms, peer.timeline) < (own.zero_ms, own.timeline)
    if number == own.number and abs(ahead_ms) <= JITTER_MS and not older:
        return own
    moved = own if same_clock else replace(own, zero_ms=peer.zero_ms, offset_ms=peer.offset_ms)
    return replace(moved, timeline=peer.timeline).seam(number, peer.discontinuity_sequences[index])


def timeline_id(*parts: object) -> str:
    """An id that nothing else gets: a digest of what makes a timeline this one."""
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()[:8]
