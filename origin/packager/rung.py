"""One rung: its GOPs wait for the segments they belong to, and the segments for their GOPs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from origin.packager.fragments import Track
from origin.packager.gops import VideoGop
from origin.packager.segments import Run
from origin.timeline import SegmentPlan

# What a rung may hold while its segments are not decided yet, or its GOPs fit none.
MOST_WAITING_BYTES = 256 << 20
MOST_GOPS, MOST_CUTS = 600, 60
# The last GOP of a stream has no next keyframe to end at: what its length is taken for may differ a little.
END_TOLERANCE_MS = 100


@dataclass(frozen=True, slots=True)
class Cut:
    """A segment to be made, and its sound, which is the same in every rung."""

    plan: SegmentPlan
    sound: Run | None


@dataclass(frozen=True, slots=True)
class Filled:
    """A segment to be made, and the GOPs of one rung that fill it."""

    cut: Cut
    gops: tuple[VideoGop, ...]


class Rung:
    """Matches GOPs with segments by their times, which are the source's in every rung."""

    def __init__(self, track: Track, cuts: Iterable[Cut] = ()) -> None:
        self.track = track
        self._gops: dict[int, VideoGop] = {}
        self._bytes = 0
        self._cuts = deque(cuts, maxlen=MOST_CUTS)

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """The segments that wait for their GOPs."""
        return tuple(self._cuts)

    def add(self, gop: VideoGop) -> list[Filled]:
        """A GOP came; gives what it completes."""
        self._drop(gop.start_ms)
        self._gops[gop.start_ms] = gop
        self._bytes += gop.bytes
        filled = self._match(newest_ms=gop.start_ms)
        while len(self._gops) > MOST_GOPS or self._bytes > MOST_WAITING_BYTES:
            self._drop(next(iter(self._gops)))
        return filled

    def want(self, cut: Cut) -> list[Filled]:
        """A segment is decided; gives it if its GOPs are there."""
        self._cuts.append(cut)
        return self._match(newest_ms=None)

    def find(self, plan: SegmentPlan) -> tuple[VideoGop, ...]:
        """The GOPs from the start of a segment to its end; empty as long as they are not all there."""
        found: list[VideoGop] = []
        gop = self._gops.get(plan.start_ms)
        while gop and len(found) <= len(self._gops):
            found.append(gop)
            if _ends(gop, plan.end_ms):
                return tuple(found)
            gop = self._gops.get(gop.end_ms)
        return ()

    def forget(self) -> None:
        """The source's clock is another one from now on: what waits belongs to no time any more."""
        self._gops.clear()
        self._cuts.clear()
        self._bytes = 0

    def _match(self, newest_ms: int | None) -> list[Filled]:
        filled, waiting = [], []
        for cut in self._cuts:
            if gops := self.find(cut.plan):
                filled.append(Filled(cut, gops))
                self._drop_up_to(gops[-1].start_ms)
            elif newest_ms is None or newest_ms < cut.plan.end_ms:
                waiting.append(cut)  # else it went by, and this rung has a hole
        self._cuts = deque(waiting, maxlen=MOST_CUTS)
        return filled

    def _drop_up_to(self, start_ms: int) -> None:
        """What came before the last GOP that was used is of no use any more."""
        for start in list(self._gops):
            self._drop(start)
            if start == start_ms:
                return

    def _drop(self, start_ms: int) -> None:
        if gop := self._gops.pop(start_ms, None):
            self._bytes -= gop.bytes


def _ends(gop: VideoGop, end_ms: int) -> bool:
    return gop.end_ms == end_ms or (gop.estimated and abs(gop.end_ms - end_ms) <= END_TOLERANCE_MS)
