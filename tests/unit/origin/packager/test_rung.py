"""A rung finds the GOPs of each segment, and has a hole where it lacks them."""

from __future__ import annotations

from origin.packager.rung import MOST_CUTS, MOST_GOPS, Cut, Rung
from origin.timeline import SegmentPlan
from tests.unit.origin.packager.fmp4 import gop, video_track


def cut(number: int, start: int, end: int) -> Cut:
    return Cut(SegmentPlan("0a0a0a0a", number, start, end, 0, 0, False, 0), None)


def test_gops_and_segments_may_come_in_either_order() -> None:
    rung = Rung(video_track())
    assert not list(rung.want(cut(1, 0, 1000)))
    assert not list(rung.add(gop(0, 500)))
    (filled,) = rung.add(gop(500, 1000))
    assert [g.start_ms for g in filled.gops] == [0, 500]
    list(rung.add(gop(1000, 2000)))
    (filled,) = rung.want(cut(2, 1000, 2000))
    assert filled.cut.plan.number == 2


def test_a_rung_that_begins_late_has_a_hole_and_goes_on() -> None:
    rung = Rung(video_track())
    for number in range(3):
        assert not list(rung.want(cut(number, 1000 * number, 1000 * number + 1000)))
    assert not list(rung.add(gop(500, 1000))), "half a segment is none"
    (filled,) = rung.add(gop(1000, 2000))
    assert filled.cut.plan.number == 1
    assert [c.plan.number for c in rung.cuts] == [2], "nobody waits for what went by"


def test_a_gop_that_does_not_fit_fills_nothing() -> None:
    rung = Rung(video_track())
    list(rung.want(cut(1, 0, 1000)))
    assert not list(rung.add(gop(0, 2000))), "a keyframe is missing in it"
    assert not list(rung.add(gop(2000, 3000)))
    assert not rung.cuts


def test_the_last_gop_of_all_may_end_a_little_earlier_or_later() -> None:
    rung = Rung(video_track())
    list(rung.want(cut(1, 0, 1033)))
    last = gop(0, 1000)
    assert not list(Rung(video_track(), rung.cuts).add(last))
    estimated = type(last)(0, 1000, 0, 1000, last.frames, estimated=True)
    assert list(rung.add(estimated))


def test_what_never_fits_is_not_held_for_ever() -> None:
    rung = Rung(video_track())
    for n in range(MOST_GOPS + 20):
        list(rung.add(gop(n * 10, n * 10 + 10)))
        list(rung.want(cut(n, 10**9 + n, 10**9 + n + 1)))
    assert len(rung.cuts) == MOST_CUTS
    assert not rung.find(cut(0, 0, 10).plan), "the oldest is gone"
