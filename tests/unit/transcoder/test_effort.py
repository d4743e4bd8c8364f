"""How hard x264 tries: each rung as measured, or as somebody asked for."""

from __future__ import annotations

import pytest

from panocast.ladder import VOD_TIERS
from transcoder.effort import LARGE, MEDIUM, SMALL, Effort, effort

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow")
# The subpixel refinement of x264's presets; from 6 on, psychovisual optimisation decides with it (x264 --fullhelp).
SUBME = dict(zip(PRESETS, (0, 1, 2, 4, 6, 7, 8), strict=True))


@pytest.mark.parametrize("width", [tier.width for tier in VOD_TIERS])
def test_a_preset_that_was_asked_for_is_every_rungs_just_as_x264_has_it(width: int) -> None:
    assert effort(width, "veryfast") == Effort("veryfast")


def test_small_rungs_try_harder_than_large_ones() -> None:
    assert effort(3840, None) == LARGE
    assert effort(1920, None) == MEDIUM
    assert effort(640, None) == SMALL
    order = [PRESETS.index(effort(tier.width, None).preset) for tier in VOD_TIERS]
    assert order == sorted(order)


@pytest.mark.parametrize("tries", [LARGE, MEDIUM, SMALL])
def test_psychovisual_optimisation_and_adaptive_quantisation_stay_on(tries: Effort) -> None:
    """Turning them off buys VMAF, and shows as blur and banding."""
    changed = dict(param.split("=", 1) for param in tries.params)
    assert int(changed.get("subme", SUBME[tries.preset])) >= 6
    assert not {"psy", "no-psy", "psy-rd", "aq-mode", "aq-strength", "tune"} & set(changed)
