"""Where the peer's segments begin, seen on the clock of the own source."""

from __future__ import annotations

from dataclasses import dataclass

from origin.timeline.match import nearest
from panocast.feed import Feed


@dataclass(frozen=True, slots=True)
class Marks:
    """The starts of the peer's segments on its present timeline, and of the one to come, oldest first."""

    timeline: str
    zero_ms: int
    offset_ms: int
    times: tuple[int, ...]
    numbers: tuple[int, ...]
    discontinuity_sequences: tuple[int, ...]

    def at(self, time_ms: int) -> int | None:
        """The index of the segment that begins at this source time."""
        return nearest(self.times, time_ms)

    def after(self, time_ms: int) -> int | None:
        """The index of the first segment that begins after this source time (rounding aside)."""
        here = self.at(time_ms)
        if here is not None:
            return here + 1 if here + 1 < len(self.times) else None
        return next((index for index, time in enumerate(self.times) if time > time_ms), None)


def marks_of(feed: Feed, offset_ms: int) -> Marks | None:
    """The marks of a feed whose dates are own source times plus `offset_ms`; None where it has no segment yet."""
    segments = [segment for segment in feed.segments if segment.timeline == feed.timeline]
    if not segments:
        return None
    last = segments[-1]
    return Marks(
        timeline=feed.timeline,
        zero_ms=feed.zero_ms,
        offset_ms=offset_ms,
        times=(*(segment.date_ms - offset_ms for segment in segments), last.end_ms - offset_ms),
        numbers=(*(segment.number for segment in segments), last.number + 1),
        discontinuity_sequences=(
            *(segment.discontinuity_sequence for segment in segments),
            last.discontinuity_sequence,
        ),
    )
