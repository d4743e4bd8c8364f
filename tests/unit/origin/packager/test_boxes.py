"""Boxes: cut out of a stream whatever pieces it comes in, and refused in words when they are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.packager.boxes import BoxReader, MalformedError, box, boxes, child

KINDS = st.sampled_from([b"moof", b"mdat", b"free"])


@given(st.lists(st.tuples(KINDS, st.binary(max_size=200)), max_size=8), st.lists(st.integers(1, 60), min_size=1))
def test_any_pieces_give_the_same_boxes(held: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(box(kind, data) for kind, data in held)
    reader, found, at = BoxReader(), [], 0
    while at < len(stream):
        size = cuts[at % len(cuts)]
        found += [(each.kind, bytes(each.payload)) for each in reader.feed(stream[at : at + size])]
        at += size
    assert found == held


@given(st.binary(max_size=400))
def test_garbage_is_refused_or_waited_for(garbage: bytes) -> None:
    try:
        for each in BoxReader(most_bytes=1000).feed(garbage):
            list(boxes(each.payload))
    except MalformedError:
        pass


def test_a_box_larger_than_a_live_stream_has_is_refused_before_it_is_held() -> None:
    with pytest.raises(MalformedError, match="4000000000 bytes"):
        list(BoxReader().feed((4_000_000_000).to_bytes(4, "big") + b"mdat"))


@pytest.mark.parametrize("size", [0, 1, 7])
def test_sizes_that_are_none_are_refused(size: int) -> None:
    with pytest.raises(MalformedError):
        list(boxes(memoryview(size.to_bytes(4, "big") + b"moofxxxx")))


def test_a_box_may_not_end_behind_what_it_lies_in() -> None:
    inner = box(b"traf", b"123456")
    assert bytes(child(memoryview(box(b"moof", inner))[8:], b"traf")) == b"123456"
    with pytest.raises(MalformedError, match="are left"):
        child(memoryview(inner[:-1]), b"traf")
    with pytest.raises(MalformedError, match="no box"):
        child(memoryview(inner), b"mfhd")
