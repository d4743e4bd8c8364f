"""Init segments and segments, written from tracks and frames (ISO/IEC 14496-12; RFC 8216, 3.3).

A segment is one moof and one mdat: the video's samples, then the audio's. Its first picture is shown at the same time
in every rung; where there are B-frames it is decoded a little earlier, which `tfdt` says. (Negative composition offsets
could make that equal, too, but ffmpeg's demuxer then shows the picture late against the sound.)
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from origin.packager.boxes import box, boxes, full_box
from origin.packager.fragments import Sample, Track
from origin.packager.gops import VideoGop

VIDEO_ID, AUDIO_ID = 1, 2
# ISO/IEC 14496-12, 8.8.3.1: depends on nothing; depends on others, and is no sync sample.
_SYNC, _NO_SYNC = 0x02000000, 0x01010000
_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def init_segment(video: Track, audio: Track | None) -> bytes:
    """The init segment of a rung; the same tracks give the same bytes."""
    tracks = [(VIDEO_ID, video), *([(AUDIO_ID, audio)] if audio else [])]
    header = full_box(
        b"mvhd",
        0,
        0,
        struct.pack(">IIIIIHxxxxxxxxxx", 0, 0, 1000, 0, 0x10000, 0x100),
        _MATRIX,
        bytes(24),
        struct.pack(">I", len(tracks) + 1),
    )
    extends = [full_box(b"trex", 0, 0, struct.pack(">IIIII", number, 1, 0, 0, 0)) for number, _ in tracks]
    movie = box(b"moov", header, *(_trak(track.trak, number) for number, track in tracks), box(b"mvex", *extends))
    return box(b"ftyp", b"iso6", struct.pack(">I", 1), b"iso6cmfcmp41") + movie


def init_name(init: bytes) -> str:
    """The name of an init segment: of its content, so that equal ones share it and no name changes its meaning."""
    return f"init-{hashlib.sha256(init).hexdigest()[:12]}.mp4"


def _trak(trak: bytes, number: int) -> bytes:
    """A track under another number, without edit lists: our own times say where it begins."""
    parts = []
    for each in boxes(memoryview(trak)[8:]):
        if each.kind == b"tkhd":
            header = bytearray(each.payload)
            struct.pack_into(">I", header, 20 if header[0] == 1 else 12, number)
            parts.append(box(b"tkhd", bytes(header)))
        elif each.kind != b"edts":
            parts.append(bytes(each))
    return box(b"trak", *parts)


@dataclass(frozen=True, slots=True)
class Row:
    """One sample as a trun lists it, times in ticks."""

    duration: int
    size: int
    flags: int
    offset: int


@dataclass(frozen=True, slots=True)
class Run:
    """The samples of one track of a segment: where the first is decoded (ticks), a row for each, and their data."""

    track: int
    time: int
    rows: tuple[Row, ...]
    data: bytes


def video_run(gops: Sequence[VideoGop], shift_ms: int) -> Run:
    """Consecutive GOPs, whose times become media times by adding `shift_ms` (ticks are ms)."""
    frames = [frame for gop in gops for frame in gop.frames]
    ends = [*(frame.dts for frame in frames[1:]), gops[-1].decode_end_ms]
    rows = tuple(
        Row(end - frame.dts, len(frame.data), _SYNC if frame.keyframe else _NO_SYNC, frame.pts - frame.dts)
        for frame, end in zip(frames, ends, strict=True)
    )
    return Run(VIDEO_ID, frames[0].dts + shift_ms, rows, b"".join(frame.data for frame in frames))


def audio_run(frames: Sequence[Sample], shift_ticks: int) -> Run:
    """Consecutive audio frames, whose times become media times by adding `shift_ticks`; a gap lengthens the frame
    before it."""
    lasting = [max(later.dts - frame.dts, 1) for frame, later in pairwise(frames)] + [frames[-1].duration]
    rows = tuple(Row(duration, len(f.data), _SYNC, 0) for f, duration in zip(frames, lasting, strict=True))
    return Run(AUDIO_ID, frames[0].dts + shift_ticks, rows, b"".join(frame.data for frame in frames))


def segment(number: int, runs: Sequence[Run]) -> bytes:
    """A media segment of these runs; `number` becomes its sequence number."""
    sequence = full_box(b"mfhd", 0, 0, struct.pack(">I", number & 0xFFFFFFFF))
    # The offsets of the data stand within the moof, whose length does not depend on them.
    length = len(box(b"moof", sequence, *(_traf(run, 0) for run in runs)))
    offset, parts = length + 8, []
    for run in runs:
        parts.append(_traf(run, offset))
        offset += len(run.data)
    return box(b"moof", sequence, *parts) + box(b"mdat", *(run.data for run in runs))


def _traf(run: Run, offset: int) -> bytes:
    table = b"".join(struct.pack(">IIIi", r.duration, r.size, r.flags, r.offset) for r in run.rows)
    return box(
        b"traf",
        full_box(b"tfhd", 0, 0x20000, struct.pack(">I", run.track)),  # offsets count from the moof
        full_box(b"tfdt", 1, 0, struct.pack(">Q", run.time)),
        # An offset of the data; duration, size, flags and composition offset of every sample.
        full_box(b"trun", 1, 0xF01, struct.pack(">Ii", len(run.rows), offset), table),
    )
