"""Reading FLV files whole, growing and cut off."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.flv import Kind, read_tags
from tests.unit.origin.flvs import AAC_FRAME, AAC_HEADER, AVC_HEADER, avc_frame, flv, tag


def test_kinds_times_and_keyframes() -> None:
    data = flv(
        tag(18, 0, b"\2\0\nonMetaData"),
        tag(9, 0, AVC_HEADER),
        tag(8, 0, AAC_HEADER),
        tag(9, 0, avc_frame(key=True, shift_ms=67)),
        tag(8, 21, AAC_FRAME),
        tag(9, 33, avc_frame(key=False, shift_ms=-1)),
    )
    tags = [each for each, _ in read_tags(io.BytesIO(data))]
    assert [each.kind for each in tags] == [
        Kind.OTHER, Kind.VIDEO_HEADER, Kind.AUDIO_HEADER, Kind.VIDEO, Kind.AUDIO, Kind.VIDEO,
    ]  # fmt: skip
    assert [each.time_ms for each in tags] == [0, 0, 0, 0, 21, 33]
    assert (tags[3].shown_ms, tags[3].keyframe, tags[3].codec) == (67, True, 7)
    assert (tags[5].shown_ms, tags[5].keyframe) == (32, False)


@pytest.mark.parametrize("time_ms", [0, 1, 0xFFFFFF, 0x1000000, 0x7FFFFFFF, -1, -40])
def test_times_have_four_signed_bytes(time_ms: int) -> None:
    (found,) = [each for each, _ in read_tags(io.BytesIO(flv(tag(8, time_ms, AAC_FRAME))))]
    assert found.time_ms == time_ms


@given(st.integers(0, 400))
def test_a_file_that_grows_is_read_once_and_in_whole_tags(cut: int) -> None:
    data = flv(*(tag(9, 33 * n, avc_frame(key=n == 0)) for n in range(10)))
    cut = min(cut, len(data))
    early = list(read_tags(io.BytesIO(data[:cut])))
    rest = list(read_tags(io.BytesIO(data), early[-1][1] if early else 0))
    assert [each.time_ms for each, _ in [*early, *rest]] == [33 * n for n in range(10)]


@given(st.binary(max_size=300))
def test_garbage_is_no_crash(data: bytes) -> None:
    list(read_tags(io.BytesIO(data)))


def test_enhanced_rtmp_and_the_end_of_a_sequence_are_no_frames() -> None:
    data = flv(tag(9, 0, b"\x91hvc1rest"), tag(9, 5, b"\x17\x02\0\0\0"), tag(9, 9, b""))
    assert [each.kind for each, _ in read_tags(io.BytesIO(data))] == [Kind.OTHER] * 3
