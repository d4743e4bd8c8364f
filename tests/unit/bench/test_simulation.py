"""The simulation of a fleet: where the answer is known without one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.simulation import Fleet, part_costs, simulate

STEADY = Fleet(1, slots=1, taken_per_h=0, start_s=0, price_per_h=3.6)


def test_one_machine_that_stays_takes_the_sum() -> None:
    outcome = simulate([10, 20, 30], STEADY, before_s=5, after_s=15, seed=1)
    assert outcome.wall_s == pytest.approx(80)
    assert outcome.cost == pytest.approx((60 + 5 + 15) * 0.001)
    assert outcome.efficiency == pytest.approx(60 / 80)


def test_machines_share_the_parts_and_slots_double_them() -> None:
    four = Fleet(2, slots=2, taken_per_h=0, start_s=7, price_per_h=3.6)
    outcome = simulate([100] * 8, four, before_s=0, after_s=0, seed=1)
    assert outcome.wall_s == pytest.approx(207)
    assert outcome.efficiency == pytest.approx(800 / (2 * 2 * 207))


def test_more_machines_than_parts_cost_no_more_than_those_that_work() -> None:
    outcome = simulate([100, 100], Fleet(500, slots=1, taken_per_h=0, start_s=0, price_per_h=3.6), before_s=0,
                       after_s=0, seed=1)  # fmt: skip
    assert outcome.cost == pytest.approx(0.2)


def test_the_same_seed_gives_the_same_outcome_and_another_does_not() -> None:
    fleet = Fleet(4, taken_per_h=20)
    runs = [simulate([60] * 50, fleet, before_s=1, after_s=1, seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


@given(st.lists(st.floats(1, 300), min_size=1, max_size=60), st.integers(1, 20), st.integers(0, 1000))
def test_being_taken_away_never_saves_time_and_efficiency_is_a_share(
    parts_s: list[float], machines: int, seed: int
) -> None:
    fleet = Fleet(machines, slots=1, taken_per_h=5, start_s=0)
    outcome = simulate(parts_s, fleet, before_s=0, after_s=0, seed=seed)
    assert outcome.wall_s >= max(max(parts_s), sum(parts_s) / machines) - 1e-6
    assert 0 < outcome.efficiency <= 1 + 1e-9
    if not outcome.repeated and machines == 1:
        assert outcome.wall_s >= sum(parts_s) - 1e-6


def test_a_part_that_was_interrupted_begins_again() -> None:
    """Taken once an hour on average, parts of half an hour are lost often; parts of half a minute hardly."""
    fleet = Fleet(1, slots=1, taken_per_h=1, start_s=0, replace_s=0)
    long = [simulate([1800] * 8, fleet, before_s=0, after_s=0, seed=seed) for seed in range(100)]
    short = [simulate([30] * 480, fleet, before_s=0, after_s=0, seed=seed) for seed in range(100)]
    # The mean time to finish work of w against interruptions at rate r is (exp(r w) - 1) / r.
    assert sum(run.wall_s for run in long) / 100 == pytest.approx(8 * 3600 * (2.71828**0.5 - 1), rel=0.1)
    assert sum(run.wall_s for run in short) / 100 == pytest.approx(480 * 30 * 1.004, rel=0.01)


def test_parts_add_up_to_the_recording_at_the_measured_costs() -> None:
    costs = part_costs([2.0, 4.0], duration_s=100, part_s=30, seed=3)
    assert len(costs) == 4
    assert set(costs[:3]) <= {60.0, 120.0}
    assert costs[3] in (20.0, 40.0)
