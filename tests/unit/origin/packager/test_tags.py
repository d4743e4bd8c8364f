"""What the ladder is given reads back as what the source sent."""

from __future__ import annotations

import io

import pytest

from origin.flv import Kind, read_tags
from origin.packager import tags
from tests.unit.origin.packager.fmp4 import sample, video_track


@pytest.mark.parametrize("start_ms", [0, 0xFFFFFF - 20, (1 << 31) - 20, -20])
def test_frames_keep_their_times_and_the_decoder_its_configuration(start_ms: int) -> None:
    config = video_track().config
    frames = [sample(start_ms, key=True, late=67), sample(start_ms + 33, late=-1)]
    data = tags.beginning(config, start_ms, 30) + b"".join(map(tags.frame, frames))
    metadata, header, *read = [tag for tag, _ in read_tags(io.BytesIO(data))]
    assert metadata.kind is Kind.OTHER
    assert (header.kind, header.time_ms) == (Kind.VIDEO_HEADER, start_ms)
    assert header.header[5:] == config
    assert config[1:4] == b"\x64\x00\x1f"
    wrapped = [(frame.dts + (1 << 31)) % (1 << 32) - (1 << 31) for frame in frames]
    assert [(tag.kind, tag.time_ms, tag.keyframe) for tag in read] == [
        (Kind.VIDEO, wrapped[0], True),
        (Kind.VIDEO, wrapped[1], False),
    ]
    assert [tag.shown_ms - tag.time_ms for tag in read] == [67, -1]
