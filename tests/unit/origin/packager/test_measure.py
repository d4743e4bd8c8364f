"""What is told of a rung changes seldom, and never promises less than it takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.packager.measure import RungMeter
from tests.unit.origin.packager.fmp4 import gop, video_track

WINDOW_MS = 10_000


@given(st.lists(st.tuples(st.integers(10_000, 3_000_000), st.integers(500, 4000)), min_size=1, max_size=40))
def test_what_is_told_is_the_peak_and_the_average_of_the_last_thirty(segments: list[tuple[int, int]]) -> None:
    meter = RungMeter(WINDOW_MS)
    for size, duration_ms in segments:
        meter.add([gop(0, 1000)], size, duration_ms, 0)
        told = meter.rung(video_track(), None)
    assert told
    peak = max(size * 8000 / duration_ms for size, duration_ms in segments)
    assert peak <= told.bandwidth_bps <= peak * 1.21 + 1
    sizes, durations_ms = zip(*segments[-30:], strict=True)
    # Told anew once it is off by 15 % of what was told.
    assert told.average_bandwidth_bps == pytest.approx(sum(sizes) * 8000 / sum(durations_ms), rel=0.15 / 0.85)
    assert told.average_bandwidth_bps
    assert told.average_bandwidth_bps <= told.bandwidth_bps


def test_what_hardly_changes_is_not_told_anew() -> None:
    meter = RungMeter(WINDOW_MS)
    told = set()
    for n in range(200):
        meter.add([gop(0, 1000)], 100_000 + 40 * (n % 7), 1000, 0)
        told.add(meter.rung(video_track(), None))
    assert len(told) == 1


def test_a_ceiling_counts_the_sound() -> None:
    meter = RungMeter(WINDOW_MS, ceiling_bps=500_000)
    meter.add([gop(0, 1000)], 10_000, 1000, 20_000)
    told = meter.rung(video_track(), None)
    assert told
    assert told.bandwidth_bps >= 500_000 + 160_000


def test_another_connection_is_measured_anew_and_its_peak_told_once_nothing_older_is_listed() -> None:
    meter = RungMeter(WINDOW_MS)

    def told(size: int, step_ms: int) -> tuple[int, float]:
        meter.add([gop(0, 1000, step_ms)], size, 1000, 0)
        rung = meter.rung(video_track(), None)
        assert rung
        return rung.bandwidth_bps // 1_000_000, rung.frame_rate

    assert told(5_000_000, 40) == (44, 25)
    meter.connected()
    before = meter.rung(video_track(), None)
    assert before
    assert (before.bandwidth_bps // 1_000_000, before.frame_rate) == (44, 25), "until there is something to measure"
    figures = [told(1_000_000, 20) for _ in range(12)]
    assert figures == [(44, 50)] * 9 + [(8, 50)] * 3
