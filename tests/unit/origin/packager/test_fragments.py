"""The stream of a pipe: its track, its samples, and whatever else may come out of it."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.packager.boxes import MalformedError, box, full_box
from origin.packager.fragments import Kind, TrackReader
from panocast.ladder import Size
from tests.unit.origin.packager.fmp4 import audio_track, avc1, fragment, moov, mp4a, sample, trak, video_track

FRAMES = [sample(0, key=True, data=b"key", late=67), sample(33, data=b"b"), sample(66, data=b"longer", late=33)]
STREAM = moov(trak(b"vide", 1000, avc1())) + fragment(FRAMES[:2]) + fragment(FRAMES[2:])


@given(st.integers(1, 200))
def test_what_was_written_is_read_in_any_pieces(piece: int) -> None:
    reader, found = TrackReader(), []
    for at in range(0, len(STREAM), piece):
        found += reader.feed(STREAM[at : at + piece])
    assert [(s.dts, s.pts, s.duration, s.keyframe, bytes(s.data)) for s in found] == [
        (0, 67, 33, True, b"key"), (33, 33, 33, False, b"b"), (66, 99, 33, False, b"longer"),
    ]  # fmt: skip
    assert reader.track
    assert (reader.track.kind, reader.track.timescale, reader.track.size) == (Kind.VIDEO, 1000, Size(640, 320))


def test_codecs_are_named_as_players_know_them() -> None:
    assert video_track(profile=b"\x4d\x40\x1e").codec == "avc1.4d401e"
    assert audio_track().codec == "mp4a.40.2"
    reader = TrackReader()
    reader.feed(moov(trak(b"soun", 48000, mp4a(b"\xf9\x48\x00"))))
    assert reader.track
    assert reader.track.codec == "mp4a.40.42", "an object type behind the escape value"


@given(st.integers(0, len(STREAM) - 1), st.integers(0, 255), st.integers(0, len(STREAM)))
def test_flipped_and_cut_streams_are_refused_or_read(at: int, value: int, end: int) -> None:
    broken = bytearray(STREAM[:end])
    if at < end:
        broken[at] = value
    with contextlib.suppress(MalformedError):
        for each in TrackReader().feed(bytes(broken)):
            assert len(each.data) <= len(STREAM)


@pytest.mark.parametrize(
    "entry", [avc1()[:40] + avc1()[44:], mp4a()[:-3], b"\x00\x00\x00\x10hvc1" + bytes(8)], ids=["cut", "esds", "hevc"]
)
def test_tracks_that_nobody_could_play_are_refused(entry: bytes) -> None:
    with pytest.raises(MalformedError):
        TrackReader().feed(moov(trak(b"vide", 1000, entry)))
    with pytest.raises(MalformedError, match="without a track"):
        TrackReader().feed(moov(b""))


def as_ffmpeg_writes_it(duration: int = 33, size: int = 3) -> bytes:
    """A fragment of three frames whose tfhd says what all share, whose trun says what the first is, and the offsets."""
    tfhd = full_box(b"tfhd", 0, 0x20038, struct.pack(">IIII", 1, duration, size, 0x1010000))
    offsets = struct.pack(">3i", 67, -33, 0)
    trun = full_box(b"trun", 0, 0x805, struct.pack(">IiI", 3, 0, 0x2000000), offsets)
    length = 8 + sum(map(len, (tfhd, full_box(b"tfdt", 1, 0, bytes(8)), trun))) + 8
    trun = full_box(b"trun", 0, 0x805, struct.pack(">IiI", 3, length + 8, 0x2000000), offsets)
    traf = box(b"traf", tfhd, full_box(b"tfdt", 1, 0, struct.pack(">Q", 1000)), trun)
    return box(b"moof", traf) + box(b"mdat", b"keyonetwo")


def test_what_all_frames_share_is_told_once() -> None:
    samples = TrackReader().feed(as_ffmpeg_writes_it())
    assert [(s.dts, s.pts, s.keyframe, bytes(s.data)) for s in samples] == [
        (1000, 1067, True, b"key"), (1033, 1000, False, b"one"), (1066, 1066, False, b"two"),
    ]  # fmt: skip


def test_samples_that_are_not_there_are_refused() -> None:
    with pytest.raises(MalformedError, match="behind its mdat"):
        TrackReader().feed(as_ffmpeg_writes_it(size=4))
