"""Recognises own keyframes among the peer's: which offset turns own source times into the peer's dates?

A keyframe of the passed-through source is the same bytes on both origins. Still pictures, slides and looped footage
repeat, though, so equal bytes alone prove nothing. What n different keyframes in a row show can repeat after n GOPs at
the soonest; therefore a match is believed only where the two origins' clocks put it within a fraction of that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from panocast.feed import Keyframe

JITTER_MS = 2
"""RTMP's whole milliseconds are rounded on each connection for itself."""

NEAR = 0.4

FAR_MS = 10_000
"""No two ways from one encoder differ by more than this."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An own keyframe: its GOP's place on the source's clock, and the wall clock when that GOP was complete."""

    fingerprint: str
    start_ms: int
    end_ms: int
    seen_ms: int


def find_offset(own: Sequence[Seen], peer: Sequence[Keyframe], told_ms: Mapping[int, int]) -> int | None:
    """The offset in milliseconds that makes own keyframes those of the peer, or None if that cannot be known (yet).

    `told_ms` has, by its date, the moment (own wall clock) at which the peer told of a keyframe whose GOP was complete.
    Both sequences are oldest first.
    """
    best: tuple[int, float, int] | None = None
    for offset_ms in _candidates(own, peer):
        matched = matches(own, peer, offset_ms)
        distance_ms = _distance_ms(own, told_ms, offset_ms)
        if not matched or distance_ms is None:
            continue
        gop_ms = min(seen.end_ms - seen.start_ms for seen in own)
        if distance_ms <= min(NEAR * len(set(matched)) * gop_ms, FAR_MS):
            best = max(best or (0, 0.0, 0), (len(matched), -distance_ms, offset_ms))
    return best[2] if best else None


def _distance_ms(own: Sequence[Seen], told_ms: Mapping[int, int], offset_ms: int) -> float | None:
    """How far apart in time the two had what would be the same GOPs; None if that was not seen."""
    dates = sorted(told_ms)
    pairs = ((seen.seen_ms, nearest(dates, seen.start_ms + offset_ms)) for seen in own)
    apart_ms = [seen_ms - told_ms[dates[index]] for seen_ms, index in pairs if index is not None]
    return abs(median(apart_ms)) if apart_ms else None


def matches(own: Sequence[Seen], peer: Sequence[Keyframe], offset_ms: int) -> list[str] | None:
    """The fingerprints that both have at the same date; None where one date shows two different keyframes."""
    dates = [keyframe.date_ms for keyframe in peer]
    matched = []
    for seen in own:
        index = nearest(dates, seen.start_ms + offset_ms)
        if index is None:
            continue
        if peer[index].fingerprint != seen.fingerprint:
            return None
        matched.append(seen.fingerprint)
    return matched


def nearest(times: Sequence[int], time_ms: int) -> int | None:
    """The index of the time that is the same but for rounding; `times` are sorted."""
    index = bisect_left(times, time_ms - JITTER_MS)
    return index if index < len(times) and times[index] <= time_ms + JITTER_MS else None


def _candidates(own: Sequence[Seen], peer: Sequence[Keyframe]) -> list[int]:
    """Every offset that matches something; of those that differ by rounding the most frequent."""
    dates: dict[str, list[int]] = {}
    for keyframe in peer:
        dates.setdefault(keyframe.fingerprint, []).append(keyframe.date_ms)
    counts = Counter(date_ms - seen.start_ms for seen in own for date_ms in dates.get(seen.fingerprint, ()))
    kept: list[int] = []
    for offset_ms, _ in counts.most_common():
        if all(abs(offset_ms - other) > JITTER_MS for other in kept):
            kept.append(offset_ms)
    return kept
