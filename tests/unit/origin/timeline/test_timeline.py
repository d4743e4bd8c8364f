"""One timeline by itself: what it makes of its source's times, and what a later life goes on with."""

from __future__ import annotations

import pytest

from origin.timeline import Gop, SavedTimeline, SegmentPlan, Timeline
from panocast.feed import Feed, FeedSegment, Keyframe, State

NOW_MS = 1_795_000_000_000


class Alone:
    """A timeline without a peer, and its wall clock."""

    def __init__(self, saved: SavedTimeline | None = None, role: str = "primary", segment_min_ms: int = 1000) -> None:
        self.now_ms = NOW_MS
        self.timeline = Timeline("show", role, segment_min_ms=segment_min_ms, now_ms=lambda: self.now_ms, saved=saved)
        self.plans: list[SegmentPlan] = []

    def gop(self, start_ms: int, end_ms: int, picture: int | None = None) -> list[SegmentPlan]:
        self.now_ms += max(end_ms - start_ms, 0)
        plans = self.timeline.gop(Gop(start_ms, end_ms, f"{start_ms if picture is None else picture:016x}"))
        self.plans += plans
        return plans

    def gops(self, start_ms: int, length_ms: int, count: int) -> None:
        for i in range(count):
            self.gop(start_ms + i * length_ms, start_ms + (i + 1) * length_ms)


def alone(saved: SavedTimeline | None = None) -> Alone:
    it = Alone(saved)
    assert it.timeline.hear(None) == []
    return it


def test_the_first_number_is_the_second_of_its_date_and_the_date_the_wall_clock() -> None:
    it = alone()
    it.gops(5_000_000, 2000, 2)
    first, second = it.plans
    assert first.date_ms == NOW_MS
    assert first.number == NOW_MS // 1000
    assert (second.number, second.date_ms) == (first.number + 1, NOW_MS + 2000)
    assert not first.discontinuity
    assert first.zero_ms < first.date_ms
    assert it.timeline.timeline == first.timeline


def test_a_segment_closes_at_the_first_gop_end_at_which_it_is_long_enough() -> None:
    it = alone()
    it.gops(0, 400, 7)
    assert [(plan.start_ms, plan.end_ms) for plan in it.plans] == [(0, 1200), (1200, 2400)]


def test_rounding_does_not_make_a_segment_a_gop_longer() -> None:
    it = alone()
    it.gop(0, 999)
    assert len(it.plans) == 1


def test_nothing_is_decided_before_the_first_word_of_the_peer_or_three_seconds() -> None:
    it = Alone()
    it.gop(0, 2000)
    assert (it.plans, it.timeline.timeline) == ([], "")
    it.now_ms += 2900
    assert it.timeline.tick() == []
    it.now_ms += 200
    assert [plan.start_ms for plan in it.timeline.tick()] == [0]


@pytest.mark.parametrize(
    ("next_ms", "why"),
    [(0, "a new clock"), (3999, "a step back"), (2**32, "far ahead"), (20_000, "ahead of the wall clock")],
)
def test_times_that_jump_are_a_seam_with_numbers_that_go_on(next_ms: int, why: str) -> None:
    it = alone()
    it.gops(2000, 1000, 4)
    it.gops(next_ms, 1000, 3)
    last, seam, after = it.plans[3], it.plans[4], it.plans[5]
    assert seam.discontinuity, why
    assert (seam.number, seam.discontinuity_sequence) == (last.number + 1, 1)
    assert seam.date_ms >= last.date_ms + 1000
    assert abs(seam.date_ms - (it.now_ms - 3000)) <= 1000, "dates are those of the wall clock"
    assert seam.timeline != last.timeline
    assert (after.number, after.discontinuity) == (seam.number + 1, False)


@pytest.mark.parametrize("step_ms", [-3_600_000, 3_600_000])
def test_a_wall_clock_that_is_set_is_no_seam(step_ms: int) -> None:
    it = alone()
    it.gops(0, 1000, 3)
    it.now_ms += step_ms
    it.gops(3000, 1000, 3)
    assert [plan.date_ms - NOW_MS for plan in it.plans] == [0, 1000, 2000, 3000, 4000, 5000]
    assert not any(plan.discontinuity or plan.hole for plan in it.plans)


def test_times_that_stand_still_give_nothing_and_harm_nothing() -> None:
    it = alone()
    it.gops(0, 1000, 2)
    for _ in range(5):
        assert it.gop(2000, 2000) == []
    assert it.gop(2000, 700_000) == []
    it.gop(2000, 3000)
    assert [plan.number - it.plans[0].number for plan in it.plans] == [0, 1, 2]
    assert not any(plan.discontinuity for plan in it.plans)


def test_a_hole_has_numbers_and_dates_of_its_own() -> None:
    it = alone()
    it.gops(0, 2000, 3)
    it.now_ms += 5000
    it.gop(11_000, 13_000)
    assert [(p.start_ms, p.end_ms, p.hole) for p in it.plans[3:]] == [
        (6000, 8500, True), (8500, 11_000, True), (11_000, 13_000, False),
    ]  # fmt: skip
    assert not any(plan.discontinuity for plan in it.plans)


def test_a_little_that_is_missing_stays_in_its_segment() -> None:
    it = alone()
    it.gops(0, 100, 10)
    it.now_ms += 100
    it.gops(1100, 100, 9)
    assert [(p.start_ms, p.end_ms, p.hole) for p in it.plans] == [(0, 1000, False), (1000, 2000, False)]


def test_a_new_connection_is_a_seam_and_dates_never_step_back() -> None:
    it = alone()
    it.gops(0, 2000, 3)
    it.now_ms -= 30_000  # the wall clock was set back
    it.timeline.connected()
    assert it.timeline.timeline == ""
    it.gop(500, 2500)
    last, seam = it.plans[-2:]
    assert (seam.discontinuity, seam.number) == (True, last.number + 1)
    assert seam.date_ms == last.date_ms + last.duration_ms


def test_a_later_life_goes_on_and_after_a_long_time_with_a_seam() -> None:
    it = alone()
    it.gops(0, 2000, 3)
    saved = it.timeline.saved
    assert saved
    kept = SavedTimeline.model_validate_json(saved.model_dump_json())
    assert kept == saved
    soon = alone(kept)
    soon.gop(10_000, 12_000)
    assert [(p.number - it.plans[-1].number, p.hole, p.discontinuity) for p in soon.plans] == [
        (1, True, False), (2, True, False), (3, False, False),
    ]  # fmt: skip
    assert soon.plans[-1].date_ms == it.plans[0].date_ms + 10_000
    late = alone(kept)
    late.gop(100_000, 102_000)
    assert [(p.number - it.plans[-1].number, p.discontinuity) for p in late.plans] == [(1, True)]


def test_a_later_life_knows_how_far_the_dead_peer_was() -> None:
    it = alone()
    it.gop(0, 1000)
    it.timeline.hear(feed(number=NOW_MS // 1000 + 500, date_ms=NOW_MS + 20_000))
    it.timeline.hear(None)
    saved = it.timeline.saved
    assert saved
    after = alone(saved)
    after.timeline.connected()
    after.gop(0, 2000)
    assert after.plans[0].number == NOW_MS // 1000 + 501
    assert after.plans[0].date_ms >= NOW_MS + 22_000


@pytest.mark.parametrize(
    ("gops_ms", "target_s"),
    [([1000, 1000], 1), ([2000, 2000], 2), ([2002, 2002], 2), ([2500], 3), ([400] * 6, 2), ([10_000], 10)],
)
def test_the_target_duration_is_that_of_the_first_gops(gops_ms: list[int], target_s: int) -> None:
    it = alone()
    start_ms = 0
    for gop_ms in gops_ms:
        it.gop(start_ms, start_ms + gop_ms)
        start_ms += gop_ms
    assert it.timeline.target_duration_s == target_s


def test_the_target_duration_rises_with_a_longer_segment_and_never_falls() -> None:
    it = alone()
    it.gops(0, 2000, 3)
    it.gop(6000, 11_000)
    assert it.timeline.target_duration_s == 5
    it.gops(11_000, 1000, 10)
    assert it.timeline.target_duration_s == 5


def test_another_event_has_a_target_duration_of_its_own_and_all_else_goes_on() -> None:
    it = alone()
    it.gops(0, 2000, 3)
    it.gop(6000, 26_000)
    assert it.timeline.target_duration_s == 20
    saved = it.timeline.saved
    assert saved
    assert alone(saved).timeline.target_duration_s == 20, "the agent was started again, its playlists go on"
    later = alone(saved.ended())
    later.timeline.connected()
    later.gops(0, 2000, 3)
    assert later.timeline.target_duration_s == 2
    assert later.plans[0].number == it.plans[-1].number + 1
    assert later.plans[0].discontinuity


def test_connections_that_end_before_a_segment_are_one_seam_with_the_next() -> None:
    it = alone()
    it.gops(0, 500, 4)
    for _ in range(3):
        it.timeline.connected()
        it.gop(0, 500)
    it.gops(500, 500, 5)
    told = [(plan.discontinuity, plan.discontinuity_sequence) for plan in it.plans]
    assert told == [(False, 0), (False, 0), (True, 1), (False, 1), (False, 1)]


def feed(number: int, date_ms: int, target_duration_s: int = 2, pictures: tuple[int, ...] = ()) -> Feed:
    return Feed(
        name="show", role="primary", epoch="e", version=1, state=State.LIVE, now_ms=NOW_MS,
        timeline="0123abcd", zero_ms=NOW_MS - 100_000, target_duration_s=target_duration_s,
        segments=(FeedSegment(timeline="0123abcd", number=number, date_ms=date_ms, duration_ms=2000),),
        keyframes=tuple(
            Keyframe(fingerprint=f"{picture:016x}", date_ms=date_ms + 2000 * i) for i, picture in enumerate(pictures)
        ),
    )  # fmt: skip


@pytest.mark.parametrize(("theirs_s", "ours_s"), [(2, 2), (7, 7), (600, 15)])
def test_on_the_peers_timeline_its_target_duration_counts_within_reason(theirs_s: int, ours_s: int) -> None:
    it = Alone(role="backup")
    it.timeline.hear(feed(100, NOW_MS - 4000, theirs_s, (1, 2)))
    it.gop(0, 2000, 2)
    it.gop(2000, 4000, 3)
    it.plans += it.timeline.hear(feed(100, NOW_MS - 4000, theirs_s, (1, 2, 3)))
    assert it.plans[0].timeline == "0123abcd"
    assert it.timeline.target_duration_s == ours_s


def test_a_backup_that_shows_other_pictures_than_the_primary_leaves_its_id_to_it() -> None:
    it = Alone(role="backup")
    it.timeline.hear(feed(100, NOW_MS - 4000, 2, (1, 2)))
    it.gop(0, 2000, 2)
    it.gop(2000, 4000, 3)
    it.plans += it.timeline.hear(feed(100, NOW_MS - 4000, 2, (1, 2, 3)))
    it.gop(4000, 6000, 77)
    it.timeline.hear(feed(101, NOW_MS - 2000, 2, (2, 3, 4)))
    it.gop(6000, 8000, 78)
    assert [plan.timeline == "0123abcd" for plan in it.plans] == [True, True, True, False]
    assert not it.plans[-1].discontinuity


def test_nonsense_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    it = Alone()
    for _ in range(3):
        it.timeline.hear(feed(10**14, NOW_MS))
    assert [record.getMessage() for record in caplog.records] == [
        "stream show: the other origin is not believed: its segment number 100000000000000 is far too high"
    ]
