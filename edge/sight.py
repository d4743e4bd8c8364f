"""What the edge sees of one stream at one origin, and when it saw it. Times are seconds of a clock that only runs
forward, passed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from panocast.feed import Feed, FeedSegment, State

Key = tuple[str, int]
"""A segment as origins name it: timeline and number."""
ObjectKey = tuple[str, int, int]
"""One file of a segment: timeline, number and the rung's width."""


def key_of(segment: FeedSegment) -> Key:
    """What a segment is called on every origin that has its timeline."""
    return segment.timeline, segment.number


@dataclass(slots=True)
class Sight:
    """One origin's news of one stream. `feed` is its latest word, None while it does not answer or does not have the
    stream."""

    role: str
    begun_at: float
    feed: Feed | None = None
    lost_at: float | None = None
    segments: dict[Key, FeedSegment] = field(default_factory=dict)
    announced_at: dict[ObjectKey, float] = field(default_factory=dict)
    news_at: dict[int, float] = field(default_factory=dict)

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
        for segment in feed.segments:
            for width in segment.rungs:
                key = (segment.timeline, segment.number, width)
                self.announced_at[key] = before.get(key, now)
                if key not in before:
                    self.news_at[width] = now

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

    def first_announced_at(self, segment: FeedSegment) -> float | None:
        """When the first rung of a segment was announced here; None where none was."""
        times = [self.announced_at.get((*key_of(segment), width)) for width in segment.rungs]
        return min((time for time in times if time is not None), default=None)

    def has(self, key: Key, width: int) -> bool:
        """Whether it has this rung of a segment."""
        segment = self.segments.get(key)
        return segment is not None and width in segment.rungs


def following(segments: Sequence[FeedSegment], last: Key) -> Sequence[FeedSegment] | None:
    """What comes after the segment `last` in an origin's list; None where the list has nothing of its timeline."""
    timeline, number = last
    same = [index for index, segment in enumerate(segments) if segment.timeline == timeline]
    if not same:
        return None
    passed = [index for index in same if segments[index].number <= number]
    return segments[passed[-1] + 1 :] if passed else segments[same[0] :]


def continues(segments: Sequence[FeedSegment], last: Key) -> bool:
    """Whether an origin's list goes on from the segment `last`, or will; not where it left that timeline before."""
    timeline, number = last
    same = [segment for segment in segments if segment.timeline == timeline]
    return bool(same) and (same[-1].number >= number or same[-1] is segments[-1])
