"""What of a live stream can be had now: a sliding window of segments, in memory, bounded in time and bytes."""

from __future__ import annotations

from collections import deque

from origin.timeline import SegmentPlan
from panocast.feed import FeedSegment, RungFile

# A segment stays for those who read the playlist while it was still listed.
KEPT_MS = 12_000
MOST_BYTES = 1 << 30


class Window:
    """The segments of every rung and their init segments, by name; the newest `window_ms` are listed."""

    def __init__(self, window_ms: int, most_bytes: int = MOST_BYTES) -> None:
        self._window_ms = window_ms
        self._most_bytes = most_bytes
        self._segments: deque[FeedSegment] = deque()
        self._files: dict[tuple[int, str], bytes] = {}
        self._first_listed = 0
        self.bytes = 0

    @property
    def segments(self) -> tuple[FeedSegment, ...]:
        """What playlists list, oldest first; consecutive in number."""
        return tuple(s for s in self._segments if s.number >= self._first_listed)

    def file(self, width: int, name: str) -> bytes | None:
        """A segment or init segment of a rung, or None when it is gone or never was."""
        return self._files.get((width, name))

    def clear(self) -> None:
        """Nobody can have anything of it any more."""
        self._segments.clear()
        self._files.clear()
        self.bytes = 0

    def add(self, plan: SegmentPlan) -> None:
        """A segment is decided; it has no rung yet."""
        if self._segments and plan.number != self._segments[-1].number + 1:
            # A playlist cannot skip numbers: it starts afresh.
            self._first_listed = plan.number
        self._segments.append(
            FeedSegment(
                timeline=plan.timeline,
                number=plan.number,
                date_ms=plan.date_ms,
                duration_ms=plan.duration_ms,
                discontinuity=plan.discontinuity,
                discontinuity_sequence=plan.discontinuity_sequence,
            )
        )
        self._slide()

    def put(self, number: int, width: int, init: tuple[str, bytes], data: bytes) -> FeedSegment | None:
        """A rung's file for a segment; None when the segment is gone already."""
        for index in range(len(self._segments) - 1, -1, -1):
            segment = self._segments[index]
            if segment.number == number and width not in segment.rungs:
                name, content = init
                rungs = {**segment.rungs, width: RungFile(init=name, size=len(data))}
                self._segments[index] = segment = segment.model_copy(update={"rungs": rungs})
                self._files[width, segment.name] = data
                self._files[width, name] = content
                self.bytes += len(data)
                self._slide()
                return segment
        return None

    def _slide(self) -> None:
        newest_ms = self._segments[-1].end_ms
        while self._segments[0].end_ms <= newest_ms - self._window_ms - KEPT_MS or self.bytes > self._most_bytes:
            if len(self._segments) == 1:
                break
            self._drop()
        listed = next(s.number for s in self._segments if s.end_ms > newest_ms - self._window_ms)
        self._first_listed = max(self._first_listed, listed)

    def _drop(self) -> None:
        gone = self._segments.popleft()
        for width, file in gone.rungs.items():
            self._files.pop((width, gone.name), None)
            self.bytes -= file.size
            if not any(width in s.rungs and s.rungs[width].init == file.init for s in self._segments):
                self._files.pop((width, file.init), None)
