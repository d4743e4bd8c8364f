"""What the edge sees of one stream at one origin, and when it saw it. Times are seconds of a clock that only runs
forward, passed in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from panocast.feed import Feed, FeedSegment, State

Key = tuple[str, int]
"""A segment as origins name it: timeline and number."""


def key_of(segment: FeedSegment) -> Key:
    """What a segment is called on every origin that has its timeline."""
    return segment.timeline, segment.number


@dataclass(slots=True)
class Sight:
    """One origin's news of one stream. `feed` is its latest word, None while it does not answer or does not have the
    stream; `announced_at` tells of each rung of its segments when it came, `news_at` when the newest of a rung did,
    `several_at` when several segments came at once: it was not heard for a while."""

    role: str
    begun_at: float
    feed: Feed | None = None
    lost_at: float | None = None
    segments: dict[Key, FeedSegment] = field(default_factory=dict)
    announced_at: dict[Key, dict[int, float]] = field(default_factory=dict)
    news_at: dict[int, float] = field(default_factory=dict)
    several_at: float = 0.0

    def hear(self, feed: Feed | None, now: float) -> None:
        """Take the origin's latest word; None: it does not answer, or does not have the stream."""
        self.feed = feed
        if feed is None:
            self.segments = {}
            self.lost_at = now if self.lost_at is None else self.lost_at
            return
        self.lost_at = None
        self.segments = {key_of(segment): segment for segment in feed.segments}
        before = self.announced_at
        self.announced_at = {}
        if sum(not before.get(key) for key, segment in self.segments.items() if segment.rungs) > 1:
            self.several_at = now
        for key, segment in self.segments.items():
            known = before.get(key, {})
            if known.keys() != segment.rungs.keys():
                self.news_at |= dict.fromkeys(segment.rungs.keys() - known.keys(), now)
                known = {width: known.get(width, now) for width in segment.rungs}
            self.announced_at[key] = known

    @property
    def usable(self) -> bool:
        """Whether there is anything to take from here."""
        return self.feed is not None and bool(self.feed.segments)

    @property
    def going_on(self) -> bool:
        """Whether more is to come from here."""
        return self.usable and self.feed is not None and self.feed.state == State.LIVE

    @property
    def widths(self) -> frozenset[int]:
        """The rungs it says it has."""
        return frozenset(rung.width for rung in self.feed.rungs) if self.feed else frozenset()

    def made_at(self, segments: Sequence[FeedSegment]) -> list[float]:
        """When each of these consecutive segments of its list was made, at the latest; minus infinity before it has a
        rung. One that was heard of late was there, at the latest, when the next one began, and where that is not known
        either, up to its own length before."""
        times: list[float] = []
        at_latest = math.inf
        for segment in reversed(segments):
            heard_at = min(self.announced_at.get(key_of(segment), {}).values(), default=None)
            if heard_at is not None:
                late_s = segment.duration_ms / 1000 if heard_at == self.several_at else 0.0
                at_latest = min(at_latest, heard_at - late_s)
            times.append(-math.inf if heard_at is None else at_latest)
            at_latest -= segment.duration_ms / 1000
        return times[::-1]

    def has(self, key: Key, width: int) -> bool:
        """Whether it has this rung of a segment."""
        segment = self.segments.get(key)
        return segment is not None and width in segment.rungs


def following(segments: Sequence[FeedSegment], last: Key) -> Sequence[FeedSegment] | None:
    """What comes after the segment `last` in an origin's list; None where the list has nothing of its timeline."""
    timeline, number = last
    for index in range(len(segments) - 1, -1, -1):  # it is near the end: windows are long
        if segments[index].timeline == timeline and segments[index].number <= number:
            return segments[index + 1 :]
    first = next((index for index, segment in enumerate(segments) if segment.timeline == timeline), None)
    return None if first is None else segments[first:]


def continues(segments: Sequence[FeedSegment], last: Key) -> bool:
    """Whether an origin's list goes on from the segment `last`, or will; not where it left that timeline before."""
    timeline, number = last
    newest = next((segment for segment in reversed(segments) if segment.timeline == timeline), None)
    return newest is not None and (newest.number >= number or newest is segments[-1])
