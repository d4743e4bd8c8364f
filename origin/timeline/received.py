"""What came of the source on one connection: recent keyframes, how far its clock got, what seems wrong with it."""

from __future__ import annotations

from collections import deque

from origin.timeline.match import JITTER_MS, Seen

RECENT = 32

SKIP_MS = 30_000
SKIP_AGAINST_CLOCK_MS = 5_000
"""A source that skips more than SKIP_MS, or this much more than the wall clock went on, has a new clock."""


class Received:
    """The recent GOPs, oldest first, and the source time up to which they reach (None: nothing came yet)."""

    def __init__(self, until_ms: int | None) -> None:
        self.seen: deque[Seen] = deque(maxlen=RECENT)
        self.until_ms = until_ms

    def add(self, seen: Seen) -> None:
        """A GOP came."""
        self.seen.append(seen)
        self.until_ms = seen.end_ms

    def jumps_to(self, start_ms: int, now_ms: int) -> bool:
        """Whether a GOP that begins here, complete at `now_ms` of the wall clock, is on another clock than the last."""
        if self.until_ms is None:
            return False
        skipped_ms = start_ms - self.until_ms
        if skipped_ms < -JITTER_MS or not self.seen:
            return skipped_ms < -JITTER_MS
        passed_ms = max(now_ms - self.seen[-1].seen_ms, 0)
        return skipped_ms > min(SKIP_MS, passed_ms + SKIP_AGAINST_CLOCK_MS)

    def seems_to_miss(self, start_ms: int, end_ms: int) -> bool:
        """Whether a keyframe within this GOP may have been lost: it is much longer than those before it."""
        before_ms = [seen.end_ms - seen.start_ms for seen in self.seen if seen.start_ms < start_ms]
        return bool(before_ms) and 2 * (end_ms - start_ms) > 3 * max(before_ms[-8:])
