"""Keyframes are recognised where that is sure, and only there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from origin.timeline.match import Seen, find_offset
from panocast.feed import Keyframe

GOP_MS = 2000
OFFSET_MS = 1_795_000_000_000


def own(pictures: Sequence[int], first: int = 0, late_ms: int = 0) -> list[Seen]:
    """Own keyframes by number: source time `2 s * number`, complete when the next begins, and so late here."""
    return [
        Seen(f"{picture:016x}", GOP_MS * i, GOP_MS * (i + 1), GOP_MS * (i + 1) + late_ms)
        for i, picture in enumerate(pictures, first)
    ]


def peer(pictures: Sequence[int], first: int = 0) -> list[Keyframe]:
    return [
        Keyframe(fingerprint=f"{picture:016x}", date_ms=OFFSET_MS + GOP_MS * i)
        for i, picture in enumerate(pictures, first)
    ]


def told(keyframes: Sequence[Keyframe]) -> dict[int, int]:
    return {keyframe.date_ms: keyframe.date_ms - OFFSET_MS + GOP_MS for keyframe in keyframes}


@pytest.mark.parametrize(
    ("pictures", "first_own", "late_ms", "found"),
    [
        ([1, 2, 3, 4, 5, 6], 5, 0, True),
        ([1, 2, 3, 4, 5, 6], 5, 700, True),
        ([1, 2, 3, 4, 5, 6], 5, 900, False),  # one keyframe, nearly half a GOP late: wait for another
        ([1, 2, 3, 4, 5, 6], 4, 900, True),
        ([1, 2, 3, 4, 5, 6], 2, 3000, True),
        ([1, 1, 1, 1, 1, 1], 2, 300, True),
        ([1, 1, 1, 1, 1, 1], 2, 1000, False),
        ([1, 2, 1, 2, 1, 2], 2, 1500, True),
        ([1, 2, 1, 2, 1, 2], 2, 1900, False),
    ],
)  # fmt: skip
def test_a_match_is_believed_where_the_clocks_leave_no_other(
    pictures: list[int], first_own: int, late_ms: int, found: bool
) -> None:
    theirs = peer(pictures)
    mine = own(pictures[first_own:], first_own, late_ms)
    assert find_offset(mine, theirs, told(theirs)) == (OFFSET_MS if found else None)


def test_nothing_is_believed_of_a_peer_of_which_no_moment_is_known() -> None:
    assert find_offset(own([1, 2, 3]), peer([1, 2, 3]), {}) is None


def test_a_keyframe_that_differs_rules_a_match_out() -> None:
    theirs = peer([1, 1, 1, 1, 9])
    assert find_offset(own([1, 1, 1, 1, 8]), theirs, told(theirs)) is None


def test_keyframes_that_one_side_lost_do_not_matter() -> None:
    theirs = peer([1, 2, 3, 4, 5])
    assert find_offset([*own([1]), *own([4, 5], 3)], theirs, told(theirs)) == OFFSET_MS
    del theirs[1:3]
    assert find_offset(own([1, 2, 3, 4, 5]), theirs, told(theirs)) == OFFSET_MS


def test_whole_milliseconds_may_be_rounded_another_way() -> None:
    theirs = peer([1, 2, 3, 4])
    theirs[1] = Keyframe(fingerprint=theirs[1].fingerprint, date_ms=theirs[1].date_ms + 1)
    assert find_offset(own([1, 2, 3, 4]), theirs, told(theirs)) == OFFSET_MS
