"""What viewers see when origins die, freeze, lag, lack rungs or disagree: the state machines in imaginary time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panocast.feed import State
from tests.unit.edge.simulation import STEP_S, WIDTHS, Simulation, segment

Fault = Callable[[Simulation], None]


class Event:
    """A stream of one segment a second that both origins have, until something happens."""

    def __init__(self, other_timeline: bool = False) -> None:
        self.sim = Simulation()
        self.number = 100
        self.timelines = {"primary": "aaaaaaaa", "backup": "bbbbbbbb" if other_timeline else "aaaaaaaa"}
        self.ahead = {"primary": 0, "backup": 5000 if other_timeline else 0}
        self.dates_ms = dict.fromkeys(self.timelines, 1_000_000)

    def seconds(self, count: int, *, only: str | None = None) -> None:
        """Go on for so many segments, on both origins or on one."""
        for _ in range(count):
            for role, origin in self.sim.origins.items():
                if only in (None, role) and not origin.frozen and origin.up:
                    number = self.number + self.ahead[role]
                    origin.make(segment(number, self.timelines[role], date_ms=self.dates_ms[role] + self.number * 1000))
            self.number += 1
            self.sim.run(1.0)

    def make_anyway(self, role: str) -> None:
        """An origin that is out of reach goes on."""
        number, date_ms = self.number + self.ahead[role], self.dates_ms[role] + self.number * 1000
        self.sim.origins[role].make(segment(number, self.timelines[role], date_ms=date_ms))

    @property
    def shown(self) -> int:
        """The newest number that viewers of every rung see."""
        return min(viewer.last for viewer in self.sim.viewers.values())

    def waited_s(self, until: int) -> float:
        """How long it takes from now until all rungs show a number, no new segment being made."""
        begun = self.sim.now
        while self.shown < until:
            self.sim.step()
            assert self.sim.now - begun < 20, f"{until} never comes: {self.shown}"
        return self.sim.now - begun


def dies(sim: Simulation) -> None:
    sim.origins["primary"].up = False


def freezes(sim: Simulation) -> None:
    sim.origins["primary"].frozen = True


def loses_a_rung(sim: Simulation) -> None:
    sim.origins["primary"].widths = (1920,)


def loses_every_rung(sim: Simulation) -> None:
    sim.origins["primary"].widths = ()


def cannot_deliver(sim: Simulation) -> None:
    sim.origins["primary"].files_fail = True


FAULTS = [dies, freezes, loses_a_rung, loses_every_rung, cannot_deliver]


@pytest.mark.parametrize("fault", FAULTS)
def test_on_one_timeline_a_fault_of_the_primary_costs_less_than_a_second_and_no_seam(fault: Fault) -> None:
    event = Event()
    event.seconds(5)
    assert event.sim.choice.role == "primary"
    fault(event.sim)
    for origin in event.sim.origins.values():
        if origin.up and not origin.frozen:
            origin.make(segment(event.number))
    waited_s = event.waited_s(event.number)
    assert waited_s <= 1.0
    event.number += 1
    event.seconds(5)
    assert event.sim.choice.role == "backup"
    assert event.shown == event.number - 1
    assert not any(entry.shown.discontinuity or entry.gaps for entry in event.sim.window.entries)
    assert len(event.sim.window.entries) == 10, "the window began anew"


@pytest.mark.parametrize("fault", FAULTS)
def test_on_another_timeline_the_switch_is_a_seam_within_three_segments_and_only_forward(fault: Fault) -> None:
    event = Event(other_timeline=True)
    event.seconds(5)
    fault(event.sim)
    event.seconds(3)
    assert event.sim.choice.role == "backup"
    assert event.shown >= 5100
    first = event.sim.window.entries[0].shown
    assert first.discontinuity
    assert first.discontinuity_sequence == 1


@pytest.mark.parametrize("ahead", [0, 20])
def test_a_healthy_primary_is_not_left_because_the_backup_alone_made_a_seam(ahead: int) -> None:
    event = Event()
    event.seconds(10)
    event.timelines["backup"], event.ahead["backup"] = "bbbbbbbb", ahead
    event.seconds(30)
    assert event.sim.switches == 0
    assert event.shown == event.number - 1
    assert not any(entry.shown.discontinuity for entry in event.sim.window.entries)


def test_a_short_segment_that_the_backup_alone_has_changes_nothing() -> None:
    event = Event()
    event.seconds(10)
    primary, backup = event.sim.origins.values()
    backup.make(segment(event.number, "bbbbbbbb", duration_ms=300))
    event.sim.run(0.7)
    primary.make(segment(event.number))
    event.sim.run(0.3)
    event.number += 1
    event.seconds(5)
    assert event.sim.switches == 0
    assert event.shown == event.number - 1


def test_one_that_freezes_is_left_as_soon_as_ever_for_one_that_was_elsewhere_for_a_segment() -> None:
    event = Event()
    event.seconds(10)
    primary, backup = event.sim.origins.values()
    backup.make(segment(event.number, "bbbbbbbb", duration_ms=300))
    backup.make(segment(event.number + 1))
    event.sim.run(0.2)
    primary.make(segment(event.number))
    event.number += 1
    event.sim.run(0.1)
    primary.frozen = True
    assert event.waited_s(event.number) <= 1.0
    assert not any(entry.shown.discontinuity for entry in event.sim.window.entries)


def test_a_primary_that_dies_after_the_backup_made_a_seam_costs_one_and_no_step_backwards() -> None:
    event = Event()
    event.seconds(10)
    event.timelines["backup"] = "bbbbbbbb"
    event.seconds(5)
    until_ms = event.sim.window.entries[-1].shown.end_ms
    dies(event.sim)
    event.seconds(3)
    assert event.sim.choice.role == "backup"
    shown = [entry.shown for entry in event.sim.window.entries]
    assert [s.discontinuity for s in shown].count(True) == 1
    assert next(s.date_ms for s in shown if s.discontinuity) >= until_ms


def test_where_the_backup_made_a_seam_a_moment_without_the_primary_is_not_worth_it() -> None:
    event = Event()
    event.seconds(10)
    event.timelines["backup"] = "bbbbbbbb"
    event.seconds(3)
    dies(event.sim)
    event.sim.run(0.6)
    event.sim.origins["primary"].up = True
    event.seconds(3)
    assert event.sim.switches == 0


def test_a_primary_that_freezes_where_both_make_a_seam_is_left_within_three_segments() -> None:
    event = Event()
    event.seconds(5)
    event.timelines = dict.fromkeys(event.timelines, "bbbbbbbb")
    freezes(event.sim)
    event.seconds(3)
    assert event.sim.choice.role == "backup"
    assert event.shown == event.number - 1
    assert [entry.shown.number for entry in event.sim.window.entries] == list(range(100, event.number))


def test_a_seam_that_both_made_costs_no_segment_where_the_other_origin_had_it_first() -> None:
    event = Event()
    event.seconds(3)
    primary, backup = event.sim.origins.values()
    backup.make(segment(event.number))
    backup.make(segment(event.number + 1, "bbbbbbbb", discontinuity=True, discontinuity_sequence=1))
    event.sim.run(0.2)
    primary.make(segment(event.number))
    event.sim.run(0.1)
    freezes(event.sim)
    event.sim.run(5.0)
    assert [entry.shown.number for entry in event.sim.window.entries] == list(range(100, event.number + 2))
    assert event.sim.switches <= 3, "of two that are silent, none is better"
    assert [entry.told.discontinuity for entry in event.sim.window.entries].count(True) == 1


@pytest.mark.parametrize("late_s", [0.1, 0.6, 3.4])
def test_an_origin_of_another_timeline_that_answers_again_after_the_other_died_tells_nothing_twice(
    late_s: float,
) -> None:
    event = Event(other_timeline=True)
    event.seconds(3)
    primary, backup = event.sim.origins.values()
    backup.up = False  # for the edge alone: it goes on
    for _ in range(12):
        event.make_anyway("backup")
        event.seconds(1)
    until_ms = event.sim.window.entries[-1].shown.end_ms
    primary.up = False
    for second in range(int(late_s) + 1):
        event.make_anyway("backup")
        event.number += 1
        event.sim.run(min(1.0, late_s - second))
    backup.up = True
    event.sim.run(1 - late_s % 1)
    event.seconds(3)
    assert event.sim.choice.role == "backup"
    begins = event.sim.window.entries[0].shown
    assert begins.discontinuity
    assert begins.date_ms >= until_ms, "viewers see again what they saw"
    assert begins.date_ms <= until_ms + 1000, "more is lost than a segment"


def test_where_the_others_numbers_are_behind_an_alias_goes_on() -> None:
    event = Event(other_timeline=True)
    event.ahead["backup"] = -50
    event.seconds(5)
    dies(event.sim)
    event.seconds(4)
    shown = [entry.shown for entry in event.sim.window.entries]
    assert [s.number for s in shown] == list(range(shown[0].number, shown[0].number + len(shown)))
    assert shown[0].timeline == "aaaaaaaa"
    assert shown[-1].timeline not in ("aaaaaaaa", "bbbbbbbb")
    assert [s.discontinuity for s in shown].count(True) == 1


def test_what_the_origins_say_apart_by_minutes_makes_no_difference() -> None:
    event = Event(other_timeline=True)
    event.dates_ms["backup"] -= 180_000
    event.seconds(5)
    dies(event.sim)
    event.seconds(4)
    assert event.shown >= 5100


def test_it_goes_back_once_the_primary_has_been_well_for_a_while_and_not_before() -> None:
    event = Event()
    event.seconds(3)
    dies(event.sim)
    event.seconds(3)
    event.sim.origins["primary"].up = True
    event.sim.origins["primary"].segments = list(event.sim.origins["backup"].segments)
    event.seconds(4)
    assert event.sim.choice.role == "backup"
    event.seconds(3)
    assert event.sim.choice.role == "primary"
    assert event.sim.switches == 2


def test_broken_files_are_not_held_against_an_origin_for_ever() -> None:
    event = Event()
    event.seconds(3)
    cannot_deliver(event.sim)
    event.seconds(2)
    assert event.sim.choice.role == "backup"
    event.sim.origins["primary"].files_fail = False
    event.seconds(12)
    assert event.sim.choice.role == "primary"


def test_an_origin_with_broken_files_is_better_than_one_that_is_gone() -> None:
    event = Event()
    event.seconds(3)
    cannot_deliver(event.sim)
    event.seconds(1)
    event.sim.origins["primary"].files_fail = False
    event.sim.origins["backup"].up = False
    event.seconds(3)
    assert event.sim.choice.role == "primary"
    assert event.shown == event.number - 1


def test_a_primary_that_comes_and_goes_is_trusted_less_each_time() -> None:
    event = Event()
    event.seconds(3)
    for _ in range(12):
        event.sim.origins["primary"].frozen = True
        event.seconds(2)
        event.sim.origins["primary"].frozen = False
        event.sim.origins["primary"].segments = list(event.sim.origins["backup"].segments)
        event.seconds(8)
    assert event.sim.switches <= 9  # it would be 24 without


def test_a_slow_primary_is_not_gone_back_to() -> None:
    event = Event()
    event.seconds(3)
    for _ in range(20):
        late = segment(event.number)
        event.sim.origins["backup"].make(late)
        event.sim.run(0.7)
        event.sim.origins["primary"].make(late)
        event.sim.run(0.3)
        event.number += 1
    assert event.sim.choice.role == "backup"
    assert event.sim.switches == 1


def test_a_backup_that_is_a_little_behind_or_ahead_changes_nothing() -> None:
    event = Event()
    for turn in range(10):
        early, late = ("primary", "backup") if turn % 2 else ("backup", "primary")
        event.sim.origins[early].make(segment(event.number))
        event.sim.run(0.3)
        event.sim.origins[late].make(segment(event.number))
        event.sim.run(0.7)
        event.number += 1
    assert event.sim.choice.role == "primary"
    assert event.sim.switches == 0


def test_a_stream_that_only_the_backup_has_comes_from_the_backup() -> None:
    event = Event()
    event.seconds(2, only="backup")
    assert event.sim.choice.role == "backup"
    assert event.shown == 101


def test_an_encoder_that_rolls_over_is_followed_at_once() -> None:
    event = Event(other_timeline=True)
    event.seconds(4, only="primary")
    event.sim.origins["primary"].state = State.ENDED
    event.seconds(2, only="backup")
    assert event.sim.choice.role == "backup"


def test_a_rung_that_both_lack_for_one_segment_is_a_gap_and_no_more() -> None:
    event = Event()
    event.seconds(3)
    for origin in event.sim.origins.values():
        origin.make(segment(event.number, widths=(1920,)))
    event.sim.run(1.0)
    event.number += 1
    event.seconds(2)
    gaps = [entry.gaps for entry in event.sim.window.entries]
    assert gaps == [set(), set(), set(), {640}, set(), set()]
    assert event.shown == event.number - 1


def test_a_segment_that_nobody_received_whole_is_a_gap_for_all_rungs() -> None:
    event = Event()
    event.seconds(3)
    for origin in event.sim.origins.values():
        origin.make(segment(event.number, widths=()))
    event.number += 1
    event.seconds(2)
    assert [entry.gaps for entry in event.sim.window.entries][3] == set(WIDTHS)
    assert event.shown == event.number - 1


def test_a_hole_in_the_numbers_begins_the_window_anew_without_a_seam() -> None:
    event = Event()
    event.seconds(5)
    for origin in event.sim.origins.values():
        origin.segments.clear()
    event.number += 30
    event.seconds(3)
    shown = [entry.shown for entry in event.sim.window.entries]
    assert shown[0].number == 135
    assert not shown[0].discontinuity


@settings(max_examples=30)
@given(st.data())
def test_whatever_the_origins_do_viewers_never_step_backwards(data: st.DataObject) -> None:
    """The viewers of the simulation check every version of every playlist."""
    event = Event()
    counters = {"primary": 100, "backup": 100}
    timelines = {"primary": "aaaaaaaa", "backup": "aaaaaaaa"}
    seams = {"primary": 0, "backup": 0}
    made = 0
    for _ in range(data.draw(st.integers(5, 25))):
        for role, origin in event.sim.origins.items():
            what = data.draw(
                st.sampled_from(
                    ["go on"] * 8 + ["die", "freeze", "recover", "restart", "seam", "fork", "rungs", "skip"]
                )
            )
            discontinuity = False
            if what == "die":
                origin.up = False
            elif what == "freeze":
                origin.frozen = True
            elif what == "recover":
                origin.up, origin.frozen, origin.files_fail, origin.widths = True, False, False, WIDTHS
            elif what == "restart":
                origin.segments.clear()
            elif what == "seam":
                discontinuity = True
                seams[role] += 1
            elif what == "fork":
                made += 1
                timelines[role] = f"{made:08x}"
                counters[role] += data.draw(st.integers(-20, 20))
                counters[role] = max(0, counters[role])
                seams[role] = data.draw(st.integers(0, 3))
            elif what == "rungs":
                origin.widths = data.draw(st.sampled_from([WIDTHS, (1920,), (640,), ()]))
                origin.files_fail = data.draw(st.booleans())
            elif what == "skip":
                counters[role] += data.draw(st.integers(1, 3))
            duration_ms = data.draw(st.sampled_from([400, 1000, 1400]))
            origin.make(
                segment(
                    counters[role],
                    timelines[role],
                    duration_ms=duration_ms,
                    discontinuity=discontinuity,
                    discontinuity_sequence=seams[role],
                )
            )
            counters[role] += 1
        event.sim.run(data.draw(st.sampled_from([STEP_S, 0.5, 1.0, 3.0])))
