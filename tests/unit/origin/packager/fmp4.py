"""Fragmented MP4 made by hand: tracks, streams of a pipe, GOPs."""

from __future__ import annotations

import struct

from origin.packager.boxes import box, full_box
from origin.packager.fragments import Sample, Track, parse_moov
from origin.packager.gops import VideoGop
from origin.packager.segments import Row, Run, segment

_SYNC, _NO_SYNC = 0x02000000, 0x01010000


def moov(trak: bytes) -> bytes:
    """The moov of one track."""
    return box(b"moov", full_box(b"mvhd", 0, 0, bytes(96)), trak)


def trak(handler: bytes, timescale: int, entry: bytes) -> bytes:
    """A trak as ffmpeg writes it, as far as anybody reads it."""
    return box(
        b"trak",
        full_box(b"tkhd", 0, 3, bytes(8), struct.pack(">I", 1), bytes(68)),
        box(b"edts", full_box(b"elst", 0, 0, bytes(4))),
        box(
            b"mdia",
            full_box(b"mdhd", 0, 0, bytes(8), struct.pack(">II", timescale, 0), bytes(4)),
            full_box(b"hdlr", 0, 0, bytes(4), handler, bytes(13)),
            box(b"minf", box(b"stbl", full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry))),
        ),
    )


def avc1(width: int = 640, height: int = 320, profile: bytes = b"\x64\x00\x1f") -> bytes:
    """A video's sample entry."""
    return box(
        b"avc1", bytes(24), struct.pack(">HH", width, height), bytes(50), box(b"avcC", b"\x01" + profile + b"\xff")
    )


def mp4a(config: bytes = b"\x11\x90") -> bytes:
    """A sound's sample entry."""
    special = bytes([5, 0x80, 0x80, len(config)]) + config
    decoder = bytes([4, 13 + len(special)]) + bytes(13) + special
    return box(b"mp4a", bytes(28), full_box(b"esds", 0, 0, bytes([3, 3 + len(decoder)]) + bytes(3) + decoder))


def video_track(width: int = 640, profile: bytes = b"\x64\x00\x1f") -> Track:
    """A video track, as read from a pipe."""
    return parse_moov(memoryview(moov(trak(b"vide", 1000, avc1(width, width // 2, profile))))[8:])


def audio_track() -> Track:
    """A sound track of 48 kHz."""
    return parse_moov(memoryview(moov(trak(b"soun", 48000, mp4a())))[8:])


def sample(dts: int, *, key: bool = False, data: bytes = b"frame", late: int = 0, duration: int = 33) -> Sample:
    """A frame decoded at `dts`, shown `late` after that."""
    return Sample(dts, dts + late, duration, key, memoryview(data))


def gop(start: int, end: int, step: int = 100, width: int = 640) -> VideoGop:
    """A GOP without B-frames, whose bytes say where it is and of which rung."""
    frames = [sample(at, key=at == start, data=f"{width} {at}".encode() * 9) for at in range(start, end, step)]
    return VideoGop(start, end, start, end, tuple(frames))


def fragment(samples: list[Sample]) -> bytes:
    """What ffmpeg writes of these."""
    rows = tuple(Row(s.duration, len(s.data), _SYNC if s.keyframe else _NO_SYNC, s.pts - s.dts) for s in samples)
    return segment(1, [Run(1, samples[0].dts, rows, b"".join(s.data for s in samples))])
