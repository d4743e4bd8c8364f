"""A pace holds whatever comes."""

from __future__ import annotations

from origin.pace import Pace


def test_a_burst_passes_and_then_a_steady_rate() -> None:
    now_s = 100.0
    pace = Pace(3, 2.0, lambda: now_s)
    assert [pace.allows() for _ in range(5)] == [True, True, True, False, False]
    now_s += 2.0
    assert [pace.allows() for _ in range(2)] == [True, False]
    now_s += 3600.0
    assert [pace.allows() for _ in range(4)] == [True, True, True, False]
