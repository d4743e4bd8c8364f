"""The few boxes of an MP4 that ffmpeg cannot read or write the way panocast needs them (ISO/IEC 14496-12).

A fragmented file is taken apart into segments here: ffmpeg's HLS muxer gives the first frame of every segment the
offset of the very first one, which is wrong where the frame rate varies.

An edit list says which stretch of a track is shown, and when. ffmpeg's muxer always shows a track from its first
keyframe on; frames that stand before it only because later ones refer to them need a list that says so.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from panocast.errors import RefusedError

# An hour at 60 frames/s takes 3 MB.
_LARGEST_MOOV = 256 << 20


class BoxError(RefusedError):
    """A box that must be there is not, or is not what the standard says: no other try will find it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a track shows: `duration_s` of it, from `start_s` on the file's clock; `media_time` is where that begins in
    the track itself, in units of its own timescale, counted from its first decoding time."""

    start_s: Fraction
    duration_s: Fraction
    media_time: int


def read_edit(path: Path) -> Edit | None:
    """The edit list of a file's first track, None where it has none that is an optional pause and one stretch."""
    moov = _Moov(path)
    entries = moov.entries()
    if not entries or len(entries) > 2 or any(media < 0 for _, media in entries[1:]):
        return None
    pause = entries[0][0] if entries[0][1] < 0 else 0
    duration, media_time = entries[-1]
    if media_time < 0:
        return None
    return Edit(Fraction(pause, moov.timescale), Fraction(duration, moov.timescale), media_time)


def write_edit(path: Path, *, start_s: Fraction, duration_s: Fraction, lead_s: Fraction) -> None:
    """Show the first track from `start_s` on the file's clock for `duration_s`, its first `lead_s` (counted from its
    first decoding time) left out: they are decoded only.

    The list's two entries (a pause, a stretch) must be there: ffmpeg writes them for a track that starts after 0.
    """
    moov = _Moov(path)
    entries = moov.entries()
    if len(entries) != 2 or entries[0][1] >= 0:
        raise BoxError(f"{path.name}: expected an edit list of a pause and a stretch, found {len(entries)} entries")
    lead = round(lead_s * moov.media_timescale())
    moov.set_entries([(round(start_s * moov.timescale), -1), (round(duration_s * moov.timescale), lead)])


class _Moov:
    """The moov box of a file and the edit list of its first track, which is rewritten in place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            self._at, end = next(((at, end) for name, at, end in _top_boxes(file) if name == b"moov"), (0, 0))
            if not 0 < end - self._at <= _LARGEST_MOOV:
                raise BoxError(f"{path.name}: a moov box of {end - self._at} bytes")
            file.seek(self._at)
            self._data = file.read(end - self._at)
        self.timescale = _timescale(self._data, _find(self._data, b"moov", b"mvhd"))
        self._trak = _find(self._data, b"moov", b"trak")

    def media_timescale(self) -> int:
        """Units per second of the first track."""
        return _timescale(self._data, _find(self._data, b"mdia", b"mdhd", within=self._trak))

    def entries(self) -> list[tuple[int, int]]:
        """The edit list's (duration, media time); a media time of -1 is a pause."""
        elst = _find(self._data, b"edts", b"elst", within=self._trak)
        if elst is None:
            return []
        entry, count = self._shape(elst[0])
        if elst[0] + 8 + count * entry.size > elst[1]:
            raise BoxError(f"{self._path.name}: the edit list is cut off")
        return [entry.unpack_from(self._data, elst[0] + 8 + i * entry.size)[:2] for i in range(count)]

    def set_entries(self, entries: list[tuple[int, int]]) -> None:
        """Write as many entries as there are."""
        elst = _find(self._data, b"edts", b"elst", within=self._trak)
        assert elst is not None
        entry, _ = self._shape(elst[0])
        normal_speed = 1 << 16
        packed = b"".join(entry.pack(duration, media, normal_speed) for duration, media in entries)
        with self._path.open("r+b") as file:
            file.seek(self._at + elst[0] + 8)
            file.write(packed)

    def _shape(self, at: int) -> tuple[struct.Struct, int]:
        count = _number(">I", self._data, at + 4)
        return struct.Struct(">QqI" if self._data[at] else ">IiI"), count


@dataclass(frozen=True, slots=True)
class Fragment:
    """A fragment in a file of its own: its name, bytes, when its first picture is shown and its last one ends (seconds
    on the media's clock)."""

    name: str
    size: int
    start_s: Fraction
    end_s: Fraction


def split_fragments(path: Path) -> list[Fragment]:
    """Take a fragmented MP4 of one track apart: `init.mp4` and `00000.m4s` … in its folder, itself gone."""
    fragments: list[Fragment] = []
    init = b""
    with path.open("rb") as file:
        for name, start, end in _top_boxes(file):
            file.seek(start)
            if name in (b"ftyp", b"moov"):
                init += file.read(end - start)
            elif name == b"moof":
                moof = file.read(end - start)
                shown = _shown(init, moof)
                target = path.with_name(f"{len(fragments):05d}.m4s")
                target.write_bytes(moof)
                fragments.append(Fragment(target.name, 0, *shown))
            elif name == b"mdat" and fragments:
                target = path.with_name(fragments[-1].name)
                with target.open("ab") as out:
                    _copy(file, out, end - start)
                fragments[-1] = replace(fragments[-1], size=target.stat().st_size)
    path.with_name("init.mp4").write_bytes(init)
    path.unlink()
    return fragments


def move_segment(init: bytes, segment: bytes, by_s: float) -> bytes:
    """The same segment (one moof) on another place of the media's clock: `by_s` seconds later."""
    scale = _timescale(init, _find(init, b"moov", b"trak", b"mdia", b"mdhd"))
    tfdt = _find(segment, b"moof", b"traf", b"tfdt")
    if tfdt is None:
        raise BoxError("a fragment without tfdt box")
    layout = ">Q" if _number(">B", segment, tfdt[0]) else ">I"
    moved = bytearray(segment)
    struct.pack_into(layout, moved, tfdt[0] + 4, _number(layout, segment, tfdt[0] + 4) + round(by_s * scale))
    return bytes(moved)


def _shown(init: bytes, moof: bytes) -> tuple[Fraction, Fraction]:
    """From when to when the pictures of a fragment are shown; the last one as long as the one before."""
    scale = _timescale(init, _find(init, b"moov", b"trak", b"mdia", b"mdhd"))
    tfdt = _find(moof, b"moof", b"traf", b"tfdt")
    trun = _find(moof, b"moof", b"traf", b"trun")
    tfhd = _find(moof, b"moof", b"traf", b"tfhd")
    if tfdt is None or trun is None or tfhd is None:
        raise BoxError("a fragment without tfdt, trun or tfhd box")
    decode = _number(">Q" if _number(">B", moof, tfdt[0]) else ">I", moof, tfdt[0] + 4)
    default = _default_duration(init, moof, tfhd[0])
    samples = list(_samples(moof, trun[0], decode, default))
    if not samples:
        raise BoxError("a fragment without samples")
    times = sorted(decode + offset for decode, _, offset in samples)
    last = times[-1] - times[-2] if len(times) > 1 else samples[-1][1]
    return Fraction(times[0], scale), Fraction(times[-1] + last, scale)


def _copy(source: BinaryIO, target: BinaryIO, count: int) -> None:
    while count and (data := source.read(min(count, 1 << 20))):
        target.write(data)
        count -= len(data)


def _default_duration(init: bytes, segment: bytes, tfhd: int) -> int:
    flags = _number(">I", segment, tfhd)
    if flags & 0x08:
        at = tfhd + 8 + 8 * bool(flags & 0x01) + 4 * bool(flags & 0x02)
        return _number(">I", segment, at)
    trex = init.find(b"trex")
    return _number(">I", init, trex + 16) if trex >= 0 else 0


def _samples(data: bytes, trun: int, decode: int, default: int) -> Iterator[tuple[int, int, int]]:
    """Decoding time, duration and composition offset of each sample of a trun box."""
    flags, count = _number(">I", data, trun), _number(">I", data, trun + 4)
    at = trun + 8 + 4 * bool(flags & 0x001) + 4 * bool(flags & 0x004)
    for _ in range(count):
        duration = _number(">I", data, at) if flags & 0x100 else default
        skipped = 4 * (bool(flags & 0x100) + bool(flags & 0x200) + bool(flags & 0x400))
        offset = _number(">i", data, at + skipped) if flags & 0x800 else 0
        yield decode, duration, offset
        decode += duration
        at += skipped + 4 * bool(flags & 0x800)


def _top_boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """The top-level boxes of a file: name, start (of the header), end."""
    total = file.seek(0, 2)
    at = 0
    while at + 8 <= total:
        file.seek(at)
        header = file.read(16)
        end = min(total, at + _size(header, total - at))
        yield header[4:8], at, end
        at = end


def _find(data: bytes, *names: bytes, within: tuple[int, int] | None = None) -> tuple[int, int] | None:
    """The content (start, end) of the box at a path of names, the first of each."""
    start, end = within or (0, len(data))
    for name in names:
        found = next((box for box in _boxes(data, start, end) if box[0] == name), None)
        if found is None:
            return None
        _, start, end = found
    return start, end


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while at + 8 <= end:
        size = _size(data[at : at + 16], end - at)
        header = 16 if data[at : at + 4] == b"\0\0\0\1" else 8
        yield data[at + 4 : at + 8], at + header, min(at + size, end)
        at += size


def _size(header: bytes, left: int) -> int:
    size = _number(">I", header, 0)
    if size == 1:
        size = _number(">Q", header, 8)
    if size == 0:
        return left
    if size < 8:
        raise BoxError(f"a box of {size} bytes")
    return size


def _timescale(data: bytes, box: tuple[int, int] | None) -> int:
    """Units per second, as an mvhd or mdhd box says."""
    if box is None:
        raise BoxError("the file has no mvhd or mdhd box")
    scale = _number(">I", data, box[0] + (20 if _number(">B", data, box[0]) else 12))
    if not scale:
        raise BoxError("a timescale of 0")
    return scale


def _number(layout: str, data: bytes, at: int) -> int:
    try:
        return int(struct.unpack_from(layout, data, at)[0])
    except struct.error as error:
        raise BoxError("a box is cut off") from error
