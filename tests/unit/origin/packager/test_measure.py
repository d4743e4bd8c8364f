"""What is told of a rung changes seldom, and never promises less than it takes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from origin.packager.measure import RungMeter
from tests.unit.origin.packager.fmp4 import gop, video_track


@settings(deadline=None)
@given(st.lists(st.integers(10_000, 3_000_000), min_size=1, max_size=40))
def test_no_segment_takes_more_than_the_told_peak(sizes: list[int]) -> None:
    meter = RungMeter()
    for size in sizes:
        meter.add([gop(0, 1000)], size, 1000, 0)
    told = meter.rung(video_track(), None)
    assert told
    assert max(sizes) * 8 <= told.bandwidth_bps <= max(sizes) * 8 * 1.21 + 1
    assert told.average_bandwidth_bps
    assert told.average_bandwidth_bps <= told.bandwidth_bps


def test_what_hardly_changes_is_not_told_anew() -> None:
    meter = RungMeter()
    told = set()
    for n in range(200):
        meter.add([gop(0, 1000)], 100_000 + 40 * (n % 7), 1000, 0)
        told.add(meter.rung(video_track(), None))
    assert len(told) == 1


def test_a_ceiling_counts_the_sound() -> None:
    meter = RungMeter(ceiling_bps=500_000)
    meter.add([gop(0, 1000)], 10_000, 1000, 20_000)
    told = meter.rung(video_track(), None)
    assert told
    assert told.bandwidth_bps >= 500_000 + 160_000
