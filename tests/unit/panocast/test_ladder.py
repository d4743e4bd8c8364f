"""The ladders: never upscaled, aspect kept, sides even."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panocast.ladder import LIVE_TIERS, VOD_TIERS, Size, live_rungs, vod_rungs

sizes = st.builds(Size, st.integers(2, 16384), st.integers(2, 16384))


def widths(source: Size) -> list[int]:
    return [rung.size.width for rung in vod_rungs(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (Size(7680, 3840), [3840, 2560, 1920, 1280, 960, 640]),
        (Size(3840, 1920), [3840, 2560, 1920, 1280, 960, 640]),
        (Size(1920, 960), [1920, 1280, 960, 640]),
        (Size(1919, 960), [1280, 960, 640]),
        (Size(640, 320), [640]),
        (Size(639, 320), [638]),
        (Size(320, 160), [320]),
        (Size(2, 2), [2]),
    ],
)
def test_vod_rungs_are_the_tables_up_to_the_sources_width(source: Size, expected: list[int]) -> None:
    assert widths(source) == expected


def test_live_rungs_lie_below_the_source_that_passes_through() -> None:
    assert [rung.size.width for rung in live_rungs(Size(3840, 1920))] == [1920, 960, 480]
    assert [rung.size.width for rung in live_rungs(Size(1920, 960))] == [960, 480]
    assert live_rungs(Size(480, 240)) == ()


def test_a_rung_has_its_tables_ceiling() -> None:
    assert {r.size.width: r.bitrate_bps for r in vod_rungs(Size(3840, 1920))} == {
        tier.width: tier.bitrate_bps for tier in VOD_TIERS
    }
    assert vod_rungs(Size(320, 160))[0].bitrate_bps == 500_000


@given(sizes)
def test_nothing_is_upscaled_or_odd_and_the_aspect_is_kept(source: Size) -> None:
    rungs = vod_rungs(source)
    assert rungs
    for rung in (*rungs, *live_rungs(source)):
        assert rung.size.width <= source.width
        assert rung.size.width % 2 == rung.size.height % 2 == 0
        assert rung.size.height >= 2
        exact = rung.size.width * source.height / source.width
        assert abs(rung.size.height - exact) <= 1 or exact < 2


@given(sizes)
def test_rungs_are_in_falling_order_of_width_and_rate(source: Size) -> None:
    rungs = vod_rungs(source)
    assert list(rungs) == sorted(rungs, key=lambda rung: rung.size.width, reverse=True)
    assert list(rungs) == sorted(rungs, key=lambda rung: rung.bitrate_bps, reverse=True)


def test_the_tables_are_in_falling_order() -> None:
    for tiers in (LIVE_TIERS, VOD_TIERS):
        assert list(tiers) == sorted(tiers, key=lambda tier: tier.width, reverse=True)


def test_a_rung_is_named_after_its_width() -> None:
    assert vod_rungs(Size(1920, 960))[0].name == "1920"
    assert str(Size(1920, 960)) == "1920x960"
