"""What the ladder has not finished is there for the next one, from a keyframe on, and never without bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.packager.backlog import MOST_BYTES, MOST_S, Backlog
from tests.unit.origin.packager.fmp4 import sample, video_track


def filled(*times: int, gop: int = 1000, most_s: float = MOST_S, most_bytes: int = MOST_BYTES) -> Backlog:
    """A backlog of frames at these times, with keyframes where a GOP begins."""
    backlog = Backlog(most_s, most_bytes)
    backlog.begin(video_track())
    for time in times:
        backlog.add([sample(time, key=time % gop == 0)])
    return backlog


def times(backlog: Backlog) -> list[int]:
    return [frame.dts for frame in backlog.frames]


def test_it_begins_with_a_keyframe_and_loses_what_every_rung_has() -> None:
    backlog = filled(*range(500, 3100, 100))
    assert times(backlog) == list(range(1000, 3100, 100))
    backlog.finished(2000)
    assert times(backlog) == list(range(2000, 3100, 100))
    backlog.finished(2000)
    backlog.finished(999_999)
    assert times(backlog)[0] == 2000, "an end at no keyframe of ours ends nothing"


def test_another_source_leaves_nothing_of_the_one_before() -> None:
    backlog = filled(0, 100)
    backlog.begin(video_track(800))
    assert not backlog.frames
    assert backlog.add([sample(0, key=True)])


@pytest.mark.parametrize(
    ("rate_hz", "told"), [(24000 / 1001, 24), (25, 25), (30000 / 1001, 30), (30, 30), (50, 50), (60000 / 1001, 60)]
)
@pytest.mark.parametrize("first", [0, 7, 31])
def test_the_frame_rate_is_the_same_whichever_frames_it_is_told_by(rate_hz: float, told: int, first: int) -> None:
    backlog = Backlog()
    backlog.begin(video_track())
    for n in range(first, first + 8):
        backlog.add([sample(int(n * 1000 / rate_hz), key=n == first)])
    assert backlog.rate_hz is None
    backlog.add([sample(int((first + 8) * 1000 / rate_hz))])
    assert backlog.rate_hz == told


def test_one_that_is_too_late_keeps_the_newest_gop_and_says_so() -> None:
    backlog = filled(*range(0, 3500, 100), most_s=2.5)
    assert not backlog.add([sample(3500)])
    assert times(backlog) == list(range(3000, 3600, 100))
    assert backlog.add([sample(3600)])


def test_a_clock_that_jumps_makes_it_no_longer() -> None:
    backlog = filled(*range(0, 1500, 100), most_s=2)
    assert backlog.add([sample(10**9, key=True), sample(10**9 + 100), sample(0, key=True)])
    assert times(backlog)[0] == 0
    assert len(backlog.frames) == 18


def test_a_gop_may_be_long_but_not_larger_than_all_that_is_held() -> None:
    backlog = filled(*range(0, 9_000, 100), gop=10_000, most_s=2, most_bytes=500)
    assert len(backlog.frames) == 90
    assert not backlog.add([sample(9_000, data=bytes(51))])
    assert not backlog.frames
    assert backlog.add([sample(9_900), sample(10_000, key=True)])
    assert times(backlog) == [10_000]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=60), st.integers(10, 200))
def test_it_holds_no_more_bytes_than_it_may(frames: list[tuple[bool, int]], most: int) -> None:
    backlog = Backlog(most_bytes=most)
    for time, (key, size) in enumerate(frames):
        backlog.add([sample(time, key=key, data=bytes(size))])
        held = backlog.frames
        assert sum(len(frame.data) for frame in held) <= most
        assert not held or held[0].keyframe
