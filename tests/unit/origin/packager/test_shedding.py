"""A machine that is too slow sheds the largest rung first, and tries again with care."""

from __future__ import annotations

from origin.packager.shedding import PATIENCE_S, SETTLE_S, SLOW_S, Shedding, is_behind


def run(shedding: Shedding, start: int, end: int, *, behind: bool, rungs: int = 3) -> list[tuple[int, int]]:
    """Look once a second: when `count` changed, and to what."""
    return [(s, shedding.count) for s in range(start, end) if shedding.look(s, behind=behind, rungs=rungs)]


def test_a_ladder_that_has_done_what_there_was_is_not_behind_however_slow_its_source_was() -> None:
    assert not is_behind(300, 0.1)
    assert is_behind(2500, 0.95)
    assert is_behind(2500, None)
    assert not is_behind(2500, 1.3), "it catches up"


def test_a_moment_of_slowness_sheds_nothing() -> None:
    shedding = Shedding()
    for start in range(0, 100, 10):
        assert not run(shedding, start, start + 8, behind=True)
        assert not run(shedding, start + 8, start + 10, behind=False)


def test_one_rung_after_the_other_goes_and_the_source_stays() -> None:
    changes = run(Shedding(), 0, 300, behind=True, rungs=2)
    assert [count for _, count in changes] == [1, 2]
    assert changes[0][0] == SLOW_S
    assert changes[1][0] - changes[0][0] >= SETTLE_S + SLOW_S


def test_what_was_shed_is_tried_again_and_each_failed_try_waits_twice_as_long() -> None:
    shedding = Shedding()
    ((shed, _),) = run(shedding, 0, 20, behind=True, rungs=1)
    waits, now = [], shed
    for _ in range(4):
        (tried, count), *_ = run(shedding, now + 1, now + 1000, behind=False)
        assert count == 0
        waits.append(tried - now)
        ((now, _),) = run(shedding, tried + 1, tried + 40, behind=True, rungs=1)
    assert waits == [PATIENCE_S, 2 * PATIENCE_S, 4 * PATIENCE_S, 8 * PATIENCE_S]
