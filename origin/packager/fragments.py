"""Fragmented MP4 of one track as ffmpeg writes it (`empty_moov`, `default_base_moof`), read into samples.

One track to a pipe: with two in one, ffmpeg (5.1) starts a fragment of the one where it guesses that the other's last
sample ends, and times are off by a frame.

ISO/IEC 14496-12: moov (8.2.1), moof (8.8.4), tfhd (8.8.7), trun (8.8.8), tfdt (8.8.12).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from origin.packager.boxes import HEADER_BYTES, Box, BoxReader, MalformedError, boxes, child
from origin.packager.codecs import codec_of, config_of
from panocast.ladder import Size

_DURATION, _SIZE, _FLAGS, _OFFSET = 0x100, 0x200, 0x400, 0x800
_NOT_SYNC = 0x10000
# More than ten minutes of video at 120 frames/s.
_MOST_SAMPLES = 100_000


class Kind(StrEnum):
    """What a track carries."""

    VIDEO = "vide"
    AUDIO = "soun"


@dataclass(frozen=True, slots=True)
class Track:
    """One track of a moov: `trak` is the box itself, `size` a picture's, `timescale` its ticks in a second, `config` an
    H.264 decoder's configuration."""

    kind: Kind
    timescale: int
    codec: str
    size: Size
    trak: bytes
    config: bytes


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame; times and durations in ticks of its track."""

    dts: int
    pts: int
    duration: int
    keyframe: bool
    data: memoryview


def parse_moov(moov: memoryview) -> Track:
    """The one track of an init segment. Raises MalformedError."""
    with _told_as_malformed():
        trak = next((b for b in boxes(moov) if b.kind == b"trak"), None)
        if trak is None:
            raise MalformedError("a moov without a track")
        return _track(trak)


def _track(trak: Box) -> Track:
    kind = Kind(bytes(child(trak.payload, b"mdia", b"hdlr")[8:12]).decode("latin-1"))
    media = child(trak.payload, b"mdia", b"mdhd")
    (timescale,) = struct.unpack_from(">I", media, 20 if media[0] == 1 else 12)
    if not timescale:
        raise MalformedError("a track without a timescale")
    entry = next(boxes(child(trak.payload, b"mdia", b"minf", b"stbl", b"stsd")[8:]), None)
    if entry is None:
        raise MalformedError("a track without a sample description")
    size = Size(*struct.unpack_from(">HH", entry.payload, 24)) if kind == Kind.VIDEO else Size(0, 0)
    return Track(kind, timescale, codec_of(entry), size, bytes(trak), config_of(entry))


def parse_fragment(moof: memoryview, mdat: memoryview) -> list[Sample]:
    """The samples of a fragment of one track. Raises MalformedError where the boxes contradict each other."""
    with _told_as_malformed():
        # The sample data follow the moof and the header of the mdat.
        return _traf(child(moof, b"traf"), mdat, first_byte=len(moof) + 2 * HEADER_BYTES)


@dataclass(slots=True)
class _Defaults:
    duration: int = 0
    size: int = 0
    flags: int = 0


def _traf(traf: memoryview, mdat: memoryview, first_byte: int) -> list[Sample]:
    defaults = _tfhd(child(traf, b"tfhd"))
    time = child(traf, b"tfdt")
    (dts,) = struct.unpack_from(">Q" if time[0] == 1 else ">I", time, 4)
    samples: list[Sample] = []
    for each in boxes(traf):
        if each.kind == b"trun":
            run = list(_trun(each.payload, defaults, dts, mdat, first_byte))
            samples += run
            dts = run[-1].dts + run[-1].duration if run else dts
    return samples


def _tfhd(tfhd: memoryview) -> _Defaults:
    flags = int.from_bytes(tfhd[1:4], "big")
    if flags & 0x1 or not flags & 0x20000:
        raise MalformedError("a fragment whose offsets do not count from its own moof")
    defaults = _Defaults()
    at = 8 + (4 if flags & 0x2 else 0)
    for bit, name in ((0x8, "duration"), (0x10, "size"), (0x20, "flags")):
        if flags & bit:
            setattr(defaults, name, struct.unpack_from(">I", tfhd, at)[0])
            at += 4
    return defaults


def _trun(trun: memoryview, defaults: _Defaults, dts: int, mdat: memoryview, first_byte: int) -> Iterator[Sample]:
    flags = int.from_bytes(trun[1:4], "big")
    (count,) = struct.unpack_from(">I", trun, 4)
    if count > _MOST_SAMPLES or not flags & 0x1:
        raise MalformedError(f"a run of {count} samples, flags {flags:#x}")
    (offset,) = struct.unpack_from(">i", trun, 8)
    at, header = offset - first_byte, 12
    first_flags = None
    if flags & 0x4:
        (first_flags,) = struct.unpack_from(">I", trun, header)
        header += 4
    fields = [bit for bit in (_DURATION, _SIZE, _FLAGS, _OFFSET) if flags & bit]
    # A composition offset may be negative in version 1, and is written that way by some in version 0.
    row = struct.Struct(">" + "".join("i" if bit == _OFFSET else "I" for bit in fields))
    body = trun[header : header + count * row.size]
    if at < 0 or len(body) < count * row.size:
        raise MalformedError("a run that is cut off")
    for number, values in enumerate(row.iter_unpack(body) if fields else [()] * count):
        told = dict(zip(fields, values, strict=True))
        size, duration = told.get(_SIZE, defaults.size), told.get(_DURATION, defaults.duration)
        if at + size > len(mdat):
            raise MalformedError(f"a sample ends {at + size - len(mdat)} bytes behind its mdat")
        sample_flags = told.get(_FLAGS, first_flags if number == 0 and first_flags is not None else defaults.flags)
        data = mdat[at : at + size]
        yield Sample(dts, dts + told.get(_OFFSET, 0), duration, not sample_flags & _NOT_SYNC, data)
        at, dts = at + size, dts + duration


@contextmanager
def _told_as_malformed() -> Iterator[None]:
    """What reading beyond a box's end raises, in our words."""
    try:
        yield
    except (struct.error, IndexError, ValueError) as error:
        raise MalformedError(f"a box is cut off: {error}") from error


class TrackReader:
    """Reads the stream of one pipe: first its track, then its samples as they come."""

    def __init__(self) -> None:
        self.track: Track | None = None
        self._reader = BoxReader()
        self._moof: memoryview | None = None

    def feed(self, data: bytes) -> list[Sample]:
        """The samples that are complete now. Raises MalformedError."""
        samples: list[Sample] = []
        for each in self._reader.feed(data):
            if each.kind == b"moov":
                self.track = parse_moov(each.payload)
            elif each.kind == b"moof":
                self._moof = each.payload
            elif each.kind == b"mdat" and self._moof is not None:
                samples += parse_fragment(self._moof, each.payload)
                self._moof = None
        return samples
