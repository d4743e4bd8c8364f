"""Which files of a window's segments to fetch, and from which origin; and which of them will never come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edge.choice import GRACE_S
from edge.sight import Sight, following
from edge.window import KEEP_S, Entry, Window
from panocast.feed import RungFile, rung_folder


@dataclass(frozen=True, slots=True)
class Wanted:
    """One rung of one segment: the number it is shown under, its paths below /hls/ on the origins and on the edge,
    and the origins that have it with what each of them has, the one to ask first in front. Seconds, on the clock of the
    sights."""

    number: int
    width: int
    folder: str
    source: str
    target: str
    sources: tuple[tuple[str, RungFile], ...]
    announced_at: float
    duration_s: float


def wanted(window: Window, sights: Mapping[str, Sight], active: str, now: float) -> Iterator[Wanted]:
    """What is announced and not here yet, oldest first, small rungs before large ones.

    What only the other origin has is wanted once the one in use had its time to announce it, too.
    """
    roles = [active, *(role for role in sights if role != active)]
    for entry in window.entries:
        for width in sorted(_lacks(entry, sights)):
            if width in entry.gaps or entry.shown.number < window.first.get(width, 0):
                continue
            having = tuple(role for role in roles if sights[role].has(entry.key, width))
            if having and (having[0] == active or _overdue(entry, width, sights, active, having[0], now)):
                window.first.setdefault(width, entry.shown.number)
                yield _wanted(window, entry, width, sights, having)


def mark_gaps(window: Window, sights: Mapping[str, Sight], now: float) -> None:
    """Give up on rungs that no origin has: they are made in order, so one that has a later segment of a rung will not
    bring an earlier one, and one that is late has its time of grace."""
    later: dict[int, Entry] = {}
    for entry in reversed(window.entries):
        if window.first.keys() <= entry.there.keys():
            later = dict.fromkeys(window.first, entry)
            continue
        for width, first in window.first.items():
            if width in entry.there or _announced_at(entry, width, sights) is not None:
                later[width] = entry
            elif width in later and entry.shown.number > first and width not in entry.gaps:
                hopeless = all(_passed(sight, entry, width) for sight in sights.values() if sight.usable)
                since = _announced_at(later[width], width, sights)
                if hopeless or since is None or now - since >= GRACE_S:
                    entry.gaps.add(width)


def give_up(window: Window, number: int, width: int) -> bool:
    """Take a file for a gap that could not be had from any origin, if a later one of its rung is here already."""
    entry = window.entry(number)
    if entry is None:
        return True
    hopeless = any(width in later.there for later in window.entries if later.shown.number > number)
    if hopeless:
        entry.gaps.add(width)
    return hopeless


def arrived(window: Window, want: Wanted, file: RungFile) -> None:
    """A file is here; one whose segment has left meanwhile goes like those that left."""
    if entry := window.entry(want.number):
        entry.there[want.width] = file
    else:
        until = want.announced_at + KEEP_S
        window.retired += [(until, want.target), (until, f"{want.folder}/{file.init}")]


def _lacks(entry: Entry, sights: Mapping[str, Sight]) -> set[int]:
    """The rungs that an origin has of a segment and that are not here."""
    found: set[int] = set()
    for sight in sights.values():
        segment = sight.segments.get(entry.key)
        if segment is not None and not segment.rungs.keys() <= entry.there.keys():
            found |= segment.rungs.keys() - entry.there.keys()
    return found


def _overdue(entry: Entry, width: int, sights: Mapping[str, Sight], active: str, other: str, now: float) -> bool:
    one = sights[active]
    if not one.usable or now - sights[other].announced_at[entry.key][width] >= GRACE_S:
        return True
    return _passed(one, entry, width)


def _passed(sight: Sight, entry: Entry, width: int) -> bool:
    """Whether an origin has a later segment of a rung, or never had this part of the timeline."""
    after = following(tuple(sight.segments.values()), entry.key)
    return after is None or any(width in segment.rungs for segment in after)


def _announced_at(entry: Entry, width: int, sights: Mapping[str, Sight]) -> float | None:
    times = [sight.announced_at[entry.key][width] for sight in sights.values() if sight.has(entry.key, width)]
    return min(times, default=None)


def _wanted(window: Window, entry: Entry, width: int, sights: Mapping[str, Sight], roles: tuple[str, ...]) -> Wanted:
    folder = rung_folder(window.name, width)
    return Wanted(
        number=entry.shown.number,
        width=width,
        folder=folder,
        source=f"{folder}/{entry.told.name}",
        target=f"{folder}/{entry.shown.name}",
        sources=tuple((role, sights[role].segments[entry.key].rungs[width]) for role in roles),
        announced_at=min(sights[role].announced_at[entry.key][width] for role in roles),
        duration_s=entry.told.duration_ms / 1000,
    )
