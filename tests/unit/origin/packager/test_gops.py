"""GOPs: complete with the next keyframe, and what happens where none comes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from origin.packager.gops import JUMP_MS, GopReader
from tests.unit.origin.packager.fmp4 import sample


def test_a_gop_is_complete_with_the_next_keyframe_and_not_before() -> None:
    reader = GopReader()
    assert not reader.feed([sample(0, key=True, late=67), sample(33, late=100), sample(67)])
    (gop,) = reader.feed([sample(100, key=True, late=67)])
    assert (gop.start_ms, gop.end_ms, gop.decode_ms, gop.decode_end_ms) == (67, 167, 0, 100)
    assert len(gop.frames) == 3
    assert not gop.estimated


def test_what_comes_before_the_first_keyframe_is_nobodys() -> None:
    assert GopReader().feed([sample(0), sample(33)]) == []


def test_the_end_of_the_stream_ends_the_last_gop_where_its_frames_lead() -> None:
    reader = GopReader()
    reader.feed([sample(0, key=True), sample(40), sample(80)])
    gop = reader.end()
    assert gop
    assert (gop.end_ms, gop.estimated) == (120, True)
    assert reader.end() is None


@given(st.sampled_from([-5000, -1, JUMP_MS + 1, 3_600_000, -(2**31)]))
def test_a_clock_that_jumps_ends_the_gop_before_and_begins_with_the_next_keyframe(jump: int) -> None:
    reader = GopReader()
    reader.feed([sample(10_000, key=True), sample(10_040)])
    (before,) = reader.feed([sample(10_040 + jump), sample(10_080 + jump)])
    assert (before.end_ms, before.estimated) == (10_080, True)
    (after,) = reader.feed([sample(10_120 + jump, key=True), sample(10_160 + jump, key=True)])
    assert (after.start_ms, after.end_ms) == (10_120 + jump, 10_160 + jump)


def test_a_stream_without_keyframes_is_not_held_for_ever() -> None:
    reader = GopReader(most_bytes=100)
    reader.feed([sample(0, key=True, data=bytes(50)), *(sample(n, data=bytes(50)) for n in range(1, 5))])
    assert reader.feed([sample(10, key=True)]) == [], "what grew too long is given up"
    assert len(reader.feed([sample(20, key=True)])) == 1


@given(st.lists(st.tuples(st.integers(0, 200), st.booleans()), min_size=1, max_size=60))
def test_gops_follow_each_other_and_lose_no_frame(steps: list[tuple[int, bool]]) -> None:
    at, samples = 0, [sample(0, key=True)]
    for step, key in steps:
        at += step
        samples.append(sample(at, key=key))
    reader = GopReader()
    gops = reader.feed(samples)
    if last := reader.end():
        gops.append(last)
    assert [frame for gop in gops for frame in gop.frames] == samples
    assert all(a.end_ms == b.start_ms for a, b in pairwise(gops))


def test_fingerprints_are_of_the_keyframes_bytes() -> None:
    reader = GopReader()
    gops = reader.feed(
        [sample(n * 10, key=True, data=data) for n, data in enumerate([b"a" * 5000, b"a" * 6000, b"b" * 5000, b"c"])]
    )
    first, same_beginning, other = (gop.fingerprint for gop in gops)
    assert first == same_beginning != other
