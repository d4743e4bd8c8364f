"""What is known of the other origin: its last feed, what it published at most, how its dates run against our clock.

A peer is believed within bounds: what cannot be true is not used at all, and said once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import pairwise

from panocast.feed import Feed, State

log = logging.getLogger(__name__)

DATE_BOUND_MS = 600_000
"""Clocks of two origins further apart than this are not believed."""

NUMBER_BOUND = 10 * 86_400
"""Numbers start at whole seconds since the epoch and outrun them only where segments are shorter than a second."""

ZERO_BOUND_MS = 400 * 86_400_000
TARGET_BOUND_S = 15
# More than any origin tells: an hour of segments, and four times the keyframes.
MOST_SEGMENTS = 4096
MOST_KEYFRAMES = 128


@dataclass(frozen=True, slots=True)
class Floor:
    """What either origin has published: what follows stands at these values or above."""

    number: int = 0
    date_ms: int = 0
    discontinuity_sequence: int = 0

    def above(self, other: Floor) -> Floor:
        """The higher of both in each value."""
        return Floor(
            max(self.number, other.number),
            max(self.date_ms, other.date_ms),
            max(self.discontinuity_sequence, other.discontinuity_sequence),
        )


class News:
    """The peer as last heard: `feed` is None while it does not answer, lacks the stream, or talks nonsense.

    `known` says that it ever had the stream. `told_ms` says, by a keyframe's date, when (own wall clock) it told of it,
    as far as that was the moment the GOP was complete; `grown_ms` when it last did so.
    """

    def __init__(self, name: str, floor: Floor) -> None:
        self._name = name
        self._newest_ms: int | None = None
        self._listening = False
        self._doubted = False
        self.feed: Feed | None = None
        self.told_ms: dict[int, int] = {}
        self.heard = False
        self.known = floor != Floor()
        self.floor = floor
        self.grown_ms: int | None = None

    def take(self, feed: Feed | None, now_ms: int) -> None:
        """Keeps the peer's latest word, heard at `now_ms` of the own wall clock."""
        self.heard = True
        reason = absurd(feed, self._name, now_ms) if feed else None
        if reason and not self._doubted:
            log.warning("stream %s: the other origin is not believed: %s", self._name, reason)
        self._doubted = bool(reason)
        self.feed = None if reason else feed
        if self.feed is None:
            self._listening = False
            return
        self.known = True
        self._measure(self.feed, now_ms)
        if self.feed.segments:
            last = self.feed.segments[-1]
            self.floor = self.floor.above(Floor(last.number + 1, last.end_ms, last.discontinuity_sequence))

    @property
    def target_duration_s(self) -> int:
        """Its target duration as far as it is believed, 0 if there is none."""
        if self.feed is None:
            return 0
        needed_s = max((-(-segment.duration_ms // 1000) for segment in self.feed.segments), default=0)
        return min(self.feed.target_duration_s, max(TARGET_BOUND_S, needed_s))

    def _measure(self, feed: Feed, now_ms: int) -> None:
        # The first feed after a silence may be as old as the GOP that is under way; one that shows a new keyframe after
        # another feed comes at the moment a GOP is complete.
        newest_ms = feed.keyframes[-1].date_ms if feed.keyframes else None
        if self._listening and newest_ms is not None and newest_ms != self._newest_ms:
            self.told_ms[newest_ms] = self.grown_ms = now_ms
            self.told_ms = {
                key.date_ms: self.told_ms[key.date_ms] for key in feed.keyframes if key.date_ms in self.told_ms
            }
        self._newest_ms = newest_ms
        self._listening = True


def absurd(feed: Feed, name: str, now_ms: int) -> str | None:
    """Why this cannot be the truth about the stream, in words; None if it can."""
    if feed.name != name:
        return f"asked for {name}, it answers with {feed.name}"
    if len(feed.keyframes) > MOST_KEYFRAMES or len(feed.segments) > MOST_SEGMENTS:
        return f"it tells of {len(feed.segments)} segments and {len(feed.keyframes)} keyframes"
    if any(after.date_ms <= before.date_ms for before, after in pairwise(feed.keyframes)):
        return "its keyframes are not in order"
    for before, after in pairwise(feed.segments):
        if after.number <= before.number or after.date_ms < before.end_ms:
            return f"its segment {after.name} goes back behind {before.name}"
    dates = [*(keyframe.date_ms for keyframe in feed.keyframes), *(segment.end_ms for segment in feed.segments)]
    if dates and max(dates) > now_ms + DATE_BOUND_MS:
        return f"its dates are {(max(dates) - now_ms) / 1000:.0f} s ahead of this machine's clock"
    if dates and feed.state is State.LIVE and max(dates) < now_ms - DATE_BOUND_MS:
        return f"its dates are {(now_ms - max(dates)) / 1000:.0f} s behind this machine's clock"
    if feed.segments and feed.segments[-1].number > now_ms // 1000 + NUMBER_BOUND:
        return f"its segment number {feed.segments[-1].number} is far too high"
    if feed.segments and feed.segments[-1].discontinuity_sequence > NUMBER_BOUND:
        return f"it counts {feed.segments[-1].discontinuity_sequence} discontinuities"
    if feed.timeline and not now_ms - ZERO_BOUND_MS < feed.zero_ms <= now_ms + DATE_BOUND_MS:
        return f"its timeline begins at {feed.zero_ms} ms, this machine's clock is at {now_ms} ms"
    if any(segment.date_ms < feed.zero_ms for segment in feed.segments if segment.timeline == feed.timeline):
        return "its segments lie before the beginning of its timeline"
    return None
