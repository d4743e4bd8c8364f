"""What a rung is, measured: frame rate, peak and average bits/s; told in steps, so that playlists seldom change."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from fractions import Fraction

from origin.keyframes import nearest_rate
from origin.packager.fragments import Track
from origin.packager.gops import VideoGop
from panocast.feed import FeedRung

# Rates are told to two digits, rounded up; a peak that was exceeded with some room, or it would creep.
_DIGITS, _ROOM = 2, 1.1
# The average is told anew once it is off by more than this share.
_AVERAGE_DRIFT = 0.15
_RECENT = 30
_STEPS = 120


class RungMeter:
    """Measures one rung by its segments, of which the newest `window_ms` are listed. `ceiling_bps` is what an encoded
    one may take at most, sound apart."""

    def __init__(self, window_ms: int, ceiling_bps: int = 0) -> None:
        self._window_ms = window_ms
        self._ceiling_bps = ceiling_bps
        self._recent: deque[tuple[int, int]] = deque(maxlen=_RECENT)
        self._steps_ms: deque[int] = deque(maxlen=_STEPS)
        self._rate: Fraction | None = None
        self._peak_bps = 0
        self._average_bps = 0
        self._earlier_bps = self._earlier_ms = 0

    def connected(self) -> None:
        """The source may be another one from now on: what is told of it holds until its first segment, the peak for as
        long as segments from before are listed."""
        self._recent.clear()
        self._steps_ms.clear()
        self._earlier_bps, self._earlier_ms = self._told_peak_bps, self._window_ms
        self._peak_bps = 0

    def add(self, gops: Sequence[VideoGop], size: int, duration_ms: int, sound_bytes: int) -> None:
        """A segment was made: its size in bytes with everything in it, its sound's share of that."""
        first = not self._recent
        self._recent.append((size, duration_ms))
        self._earlier_ms -= duration_ms
        for gop in gops:
            times = sorted(frame.pts for frame in gop.frames)
            self._steps_ms.extend(b - a for a, b in zip(times, [*times[1:], gop.end_ms], strict=True))
        if first:
            self._rate = nearest_rate(self._steps_ms)
        ceiling = self._ceiling_bps + 8000 * sound_bytes / duration_ms if self._ceiling_bps else 0
        peak = max(ceiling, 8000 * size / duration_ms)
        if peak > self._peak_bps:
            self._peak_bps = _told(peak * _ROOM)
        average = 8000 * sum(size for size, _ in self._recent) / sum(ms for _, ms in self._recent)
        if abs(average - self._average_bps) > self._average_bps * _AVERAGE_DRIFT:
            self._average_bps = min(_told(average), self._told_peak_bps)

    @property
    def bitrate_bps(self) -> float:
        """The average of the recent segments, exactly."""
        return 8000 * sum(size for size, _ in self._recent) / max(sum(ms for _, ms in self._recent), 1)

    def rung(self, video: Track, audio: Track | None) -> FeedRung | None:
        """The rung as it is told; None before it was measured."""
        if self._rate is None:
            return None
        return FeedRung(
            width=video.size.width,
            height=video.size.height,
            frame_rate=float(self._rate),
            codecs=f"{video.codec},{audio.codec}" if audio else video.codec,
            bandwidth_bps=self._told_peak_bps,
            average_bandwidth_bps=self._average_bps,
        )

    @property
    def _told_peak_bps(self) -> int:
        return max(self._peak_bps, self._earlier_bps if self._earlier_ms > 0 else 0)


def _told(rate_bps: float) -> int:
    """A rate rounded up to two digits."""
    step: int = 10 ** max(math.floor(math.log10(max(rate_bps, 1))) - _DIGITS + 1, 0)
    return math.ceil(rate_bps / step) * step
