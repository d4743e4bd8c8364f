"""What must hold of everything that two origins ever published."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from origin.timeline.match import JITTER_MS
from tests.unit.origin.timeline.simulator import Origin, Source, Told, World


def goes_on(told: Sequence[Told]) -> None:
    """Numbers count by one and dates and media times join, except at marked seams, and never go back."""
    for before, after in pairwise(told):
        a, b = before.plan, after.plan
        assert b.duration_ms > 0, after
        assert b.date_ms >= b.zero_ms, after
        if before.memory != after.memory:
            assert b.timeline != a.timeline or (b.number > a.number and b.date_ms >= a.date_ms + a.duration_ms)
            continue
        if b.discontinuity:
            assert b.number > a.number, (before, after)
            assert b.date_ms >= a.date_ms + a.duration_ms, (before, after)
            assert b.discontinuity_sequence > a.discontinuity_sequence, (before, after)
        else:
            assert b.number == a.number + 1, (before, after)
            assert abs(b.date_ms - a.date_ms - a.duration_ms) <= JITTER_MS, (before, after)
            assert b.zero_ms == a.zero_ms, (before, after)
            assert b.discontinuity_sequence == a.discontinuity_sequence, (before, after)


def names_mean_the_same(world: World, source: Source, jitter_ms: int = 0) -> int:
    """What both gave one name covers the same frames at the same media times; how many such segments there are."""
    for origin in world.origins:
        half_ms = origin.segment_min_ms // 2  # what may be missing of a segment
        for told in origin.told:
            came = any(0 <= start - told.start_ms < half_ms for start in origin.received)
            assert jitter_ms or told.plan.hole or came, ("a segment without its first GOP", told)
    primary = {(t.plan.timeline, t.plan.number): t for t in world.primary.told}
    assert len(primary) == len(world.primary.told), "a name was used twice"
    backup = {(t.plan.timeline, t.plan.number): t for t in world.backup.told}
    assert len(backup) == len(world.backup.told), "a name was used twice"
    common = sorted(primary.keys() & backup.keys())
    for name in common:
        a, b = primary[name], backup[name]
        assert a.plan.zero_ms == b.plan.zero_ms, (a, b)
        if a.plan.hole or b.plan.hole:
            assert abs(a.plan.date_ms - b.plan.date_ms) <= JITTER_MS, (a, b)
            continue
        assert abs(a.plan.date_ms - b.plan.date_ms) <= jitter_ms, (a, b)
        assert picture(source, a) == picture(source, b), (a, b)
        assert abs(a.plan.duration_ms - b.plan.duration_ms) <= 2 * jitter_ms, (a, b)
    return len(common)


def picture(source: Source, told: Told) -> str:
    """The fingerprint of the keyframe at which a segment begins."""
    nearest = min(range(len(source.starts)), key=lambda i: abs(source.starts[i] - told.start_ms))
    assert abs(source.starts[nearest] - told.start_ms) <= JITTER_MS, told
    return source.fingerprints[nearest]


def names_since(origin: Origin, time_ms: int) -> list[tuple[str, int, int]]:
    """Timeline, number and true start of what it published for frames after this true time."""
    return [(t.plan.timeline, t.plan.number, t.start_ms) for t in origin.told if t.start_ms >= time_ms]


def on_one_timeline(world: World, from_ms: int, until_ms: int, jitter_ms: int = 0) -> None:
    """In this stretch of true time both published the same segments."""
    lists = []
    for origin in world.origins:
        lists.append([n for n in names_since(origin, from_ms - jitter_ms) if n[2] < until_ms])
    assert lists[0], "nothing was published"
    if jitter_ms:
        assert [n[:2] for n in lists[0]] == [n[:2] for n in lists[1]], lists
    else:
        assert lists[0] == lists[1], lists


def no_seam(origin: Origin) -> None:
    """Viewers of this origin saw nothing."""
    assert not [t for t in origin.told if t.plan.discontinuity], [t for t in origin.told if t.plan.discontinuity]


def seams(origin: Origin) -> list[Told]:
    """What it marked as a discontinuity."""
    return [told for told in origin.told if told.plan.discontinuity]


def everything_told_in_time(origin: Origin, within_ms: int, *, from_ms: int) -> bool:
    """Each segment from here on was published so soon after its last frame, and none is a hole."""
    told = [t for t in origin.told if t.start_ms >= from_ms]
    late = [t for t in told if t.told_ms - t.end_ms > within_ms]
    return bool(told) and not late
