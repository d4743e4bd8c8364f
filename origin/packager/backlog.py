"""The source's frames that the ladder has not finished: whatever happens to it, the next one begins with them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import chain

from origin.packager.fragments import Sample, Track

# A ladder that is further behind than this goes on with what is newest.
MOST_S = 20.0
MOST_BYTES = 64 << 20
# What the frame rate is taken for before it is known, and by how many frames it is.
USUAL_HZ = 30
_RATE_FRAMES = 9


class Backlog:
    """Frames in the order of decoding, from a keyframe on. `track` is what they belong to, None before any came;
    `rate_hz` how many there are in a second, None before there are enough to tell."""

    def __init__(self, most_s: float = MOST_S, most_bytes: int = MOST_BYTES) -> None:
        self.track: Track | None = None
        self.rate_hz: int | None = None
        self._gops: deque[list[Sample]] = deque()
        self._bytes = 0
        self._most_s, self._most_bytes = most_s, most_bytes

    @property
    def frames(self) -> tuple[Sample, ...]:
        """What a ladder that starts now begins with."""
        return tuple(chain.from_iterable(self._gops))

    def begin(self, track: Track | None) -> None:
        """Another source begins: frames of the one before are of no use."""
        self.track, self.rate_hz = track, None
        self._clear()

    def add(self, frames: Iterable[Sample]) -> bool:
        """Frames came. Whether those before them are still all there: a backlog that is too long loses whole GOPs, all
        but the newest."""
        for frame in frames:
            if frame.keyframe:
                self._gops.append([frame])
            elif self._gops:
                self._gops[-1].append(frame)
            else:
                continue
            self._bytes += len(frame.data)
        if self.rate_hz is None:
            self.rate_hz = _rate_hz(self.frames)
        if not self._too_long():
            return True
        self.keep_newest()
        if self._bytes > self._most_bytes:  # a single GOP: nobody can begin before the next
            self._clear()
        return False

    def finished(self, keyframe_ms: int) -> None:
        """Every rung has what is shown before this keyframe."""
        if any(gop[0].pts == keyframe_ms for gop in self._gops):
            while self._gops[0][0].pts != keyframe_ms:
                self._drop()

    def keep_newest(self) -> None:
        """Nobody needs more than the newest GOP."""
        while len(self._gops) > 1:
            self._drop()

    def _too_long(self) -> bool:
        """A GOP, however long it is, can be finished once the next keyframe is there. Counted in frames, for clocks
        jump."""
        late = sum(map(len, self._gops)) - len(self._gops[0]) if self._gops else 0
        return late > self._most_s * (self.rate_hz or USUAL_HZ) or self._bytes > self._most_bytes

    def _drop(self) -> None:
        self._bytes -= sum(len(frame.data) for frame in self._gops.popleft())

    def _clear(self) -> None:
        self._gops.clear()
        self._bytes = 0


def _rate_hz(frames: tuple[Sample, ...]) -> int | None:
    """In whole hertz: 29.97 are 30, whichever frames a ladder begins with, so that it writes the same headers."""
    if len(frames) < _RATE_FRAMES:
        return None
    lasts_ms = frames[_RATE_FRAMES - 1].dts - frames[0].dts
    return max(round(1000 * (_RATE_FRAMES - 1) / lasts_ms), 1) if lasts_ms > 0 else USUAL_HZ
