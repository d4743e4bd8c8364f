"""What a recording lacks comes from its partner, where the same keyframes tell where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest

from transcoder.markers import PartMarker
from transcoder.partner import Score, complete

GOP_S = 2.0


def recording(*runs: Sequence[int | float], broken: int | None = None) -> tuple[dict[int, PartMarker], list[int]]:
    """Parts of one GOP each, and the seams; a run is the event's seconds at which its GOPs begin, and how much of the
    last one there is. Times are rounded as clocks in milliseconds do."""
    parts: dict[int, PartMarker] = {}
    seams = []
    at_s = 0.0
    for run in runs:
        *gops, last_s = run
        if parts:
            seams.append(len(parts) + 1)
        for gop in gops:
            length_s = last_s if gop == gops[-1] else GOP_S
            number = len(parts) + 1
            parts[number] = PartMarker(
                attempt="a",
                start_s=at_s,
                end_s=at_s + length_s,
                frame_rate=Fraction(30),
                marks=((round(at_s, 3) + 0.0003, f"keyframe at {gop}"),),
                failed="broken" if number == broken else None,
            )
            at_s += length_s
    return parts, seams


def score(ours: tuple[dict[int, PartMarker], list[int]], theirs: tuple[dict[int, PartMarker], list[int]]) -> Score:
    return complete(*ours, *theirs)


def shown(found: Score) -> list[tuple[float, ...]]:
    return [
        (p.before, p.source, *(round(at, 2) for at in (p.span.start_s, p.span.end_s, p.start_s))) for p in found.patches
    ]


def test_what_two_have_alike_needs_nothing() -> None:
    assert score(recording((0, 2, 4, 2.0)), recording((0, 2, 4, 2.0))) == Score()


def test_a_seam_in_the_middle_of_a_gop_is_filled_and_what_follows_moves() -> None:
    ours, theirs = recording((0, 2, 0.5), (8, 10, 2.0)), recording((0, 2, 4, 6, 8, 10, 2.0))
    found = score(ours, theirs)
    assert shown(found) == [(3, 2, 2.5, 4, 2.5), (3, 3, 4, 6, 4), (3, 4, 6, 8, 6)]
    assert found.later_s == pytest.approx({1: 0, 2: 0, 3: 5.5, 4: 5.5})


def test_a_part_that_cannot_be_decoded_is_filled_and_nothing_moves() -> None:
    found = score(recording((0, 2, 4, 6, 2.0), broken=2), recording((0, 2, 4, 6, 2.0)))
    assert shown(found) == [(3, 2, 2, 4, 2)]
    assert found.later_s == {1: 0, 3: 0, 4: 0}


def test_a_head_and_a_tail_are_added() -> None:
    found = score(recording((4, 6, 2.0)), recording((0, 2, 4, 6, 8, 2.0)))
    assert shown(found) == [(1, 1, 0, 2, 0), (1, 2, 2, 4, 2), (3, 5, 8, 10, 8)]
    assert found.later_s == pytest.approx({1: 4, 2: 4})


def test_what_the_partner_missed_at_the_same_time_stays_missing() -> None:
    found = score(recording((0, 2, 2.0), (10, 12, 2.0)), recording((0, 2, 4, 0.7), (8, 10, 12, 2.0)))
    assert shown(found) == [(3, 3, 4, 4.7, 4), (3, 4, 4.7, 6.7, 4.7)]


def test_the_end_of_a_gop_is_filled_though_the_partner_has_nothing_of_what_follows() -> None:
    found = score(recording((0, 2, 4, 0.5), (6, 8, 2.0)), recording((2, 4, 1.7)))
    assert shown(found) == [(4, 2, 2.5, 3.7, 4.5)]
    before = score(recording((0, 2, 2.0), (6, 8, 2.0)), recording((4, 6, 8, 2.0)))
    assert shown(before) == [(3, 1, 0, 2, 4)]


def test_a_picture_that_stands_still_is_not_doubled() -> None:
    """Keyframes that repeat anchor nothing, but say that the partner has the same pictures."""
    assert score(recording((0, 2, 0.5), (9, 9, 2.0)), recording((0, 2, 9, 9, 2.0))) == Score()


def test_a_partner_that_missed_more_adds_nothing() -> None:
    assert score(recording((0, 2, 1.0), (4, 6, 2.0)), recording((0, 2.0), (6, 2.0))) == Score()


def test_an_end_that_both_have_differently_far_is_taken_from_the_longer() -> None:
    assert shown(score(recording((0, 2, 0.5)), recording((0, 2, 1.5)))) == [(3, 2, 2.5, 3.5, 2.5)]
    assert score(recording((0, 2, 1.5)), recording((0, 2, 0.5))) == Score()


@pytest.mark.parametrize("theirs", [(20, 22, 2.0), (0, 0, 2, 2, 2.0), (4, 2, 0, 2.0)])
def test_without_common_keyframes_in_one_order_and_once_nothing_is_believed(theirs: tuple[float, ...]) -> None:
    assert score(recording((0, 2, 1.0), (4, 2.0)), recording(theirs)) == Score()
