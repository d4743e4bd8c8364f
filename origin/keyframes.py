"""A stream's keyframe interval and frame rate, measured while it is published: read from the recording as it grows.

No process of its own and no second reader on the stream: nginx-rtmp writes every frame to disk at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from origin.flv import Kind, Tag, read_tags

# Segments of up to this are what players expect; a little more is rounding.
LONGEST_GOP_S = 4.05
_COMMON_RATES = tuple(
    Fraction(*rate)
    for rate in ((24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (50, 1), (60000, 1001), (60, 1))
)
_FRAMES = 120


def nearest_rate(steps_ms: Collection[int]) -> Fraction:
    """The frames per second of these steps between frames; a common rate where it is near one, 30 for none."""
    total_ms = sum(steps_ms)
    if total_ms <= 0:
        return Fraction(30)
    off_ms = {rate: abs(1000 * len(steps_ms) / rate - total_ms) for rate in _COMMON_RATES}
    # A frame's time is a whole millisecond: less than one says nothing, and then a whole rate is likelier.
    nearest = min(_COMMON_RATES, key=lambda rate: (off_ms[rate] if off_ms[rate] >= 1 else 0, rate.denominator))
    # The last frame may be off by as much again.
    return nearest if off_ms[nearest] <= 2 else Fraction(round(Fraction(100_000 * len(steps_ms), total_ms)), 100)


def far_apart(interval_s: float | None) -> str | None:
    """What is wrong with an interval between keyframes, in words for the encoder's owner, or None."""
    if interval_s is None or interval_s <= LONGEST_GOP_S:
        return None
    return f"keyframes every {interval_s:.1f} s, which delays viewers: set the keyframe interval to 2 s in the encoder"


class KeyframeMeter:
    """Follows the recording of one stream; `read` it now and then, `close` it at the end."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._offset = 0
        self._keyframe_ms: int | None = None
        self._frame_ms: int | None = None
        self._intervals_ms: deque[int] = deque(maxlen=5)
        self._steps_ms: deque[int] = deque(maxlen=_FRAMES)

    def read(self, path: Path) -> None:
        """Take what is new in the stream's newest file; raises OSError."""
        if path != self._path:
            self._drain()
            self.close()
            self._file, self._path, self._offset = path.open("rb"), path, 0
            self._end_of_file()
        self._drain()

    def close(self) -> None:
        """Let go of the file, which somebody may have removed by now."""
        if self._file:
            self._file.close()
        self._file = self._path = None

    def _drain(self) -> None:
        if self._file is None:
            return
        for tag, behind in read_tags(self._file, self._offset):
            self._offset = behind
            if tag.kind is Kind.VIDEO:
                self._take(tag)

    def _end_of_file(self) -> None:
        """The next file's clock starts again, at a keyframe, one step after the last frame of this one."""
        if self._keyframe_ms is not None and self._frame_ms is not None and self._steps_ms:
            self._intervals_ms.append(self._frame_ms - self._keyframe_ms + self._steps_ms[-1])
        self._keyframe_ms = self._frame_ms = None

    def _take(self, tag: Tag) -> None:
        if self._frame_ms is not None:
            self._steps_ms.append(tag.time_ms - self._frame_ms)
        self._frame_ms = tag.time_ms
        if tag.keyframe:
            if self._keyframe_ms is not None:
                self._intervals_ms.append(tag.time_ms - self._keyframe_ms)
            self._keyframe_ms = tag.time_ms

    @property
    def interval_s(self) -> float | None:
        """The longest recent time between keyframes, the one that still lasts counted; None before it is known."""
        running = (self._frame_ms or 0) - (self._keyframe_ms or 0)
        longest = max([*self._intervals_ms, running if running > LONGEST_GOP_S * 1000 else 0])
        return longest / 1000 if longest else None

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second; a common rate where it is near one, 30 before it is known."""
        return nearest_rate(self._steps_ms)

    def warning(self) -> str | None:
        """What is wrong with the keyframes, in words for the encoder's owner, or None."""
        return far_apart(self.interval_s)
