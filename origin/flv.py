"""Reading the FLV files that nginx-rtmp records, while they grow or after they were cut off: times and kinds, no media.

Adobe Flash Video File Format Specification 10.1, annex E.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO

_FILE_HEADER = 9 + 4
_TAG_HEADER = struct.Struct(">B3sI3s")
_PREVIOUS_SIZE = 4
_AUDIO, _VIDEO = 8, 9
_AAC, _AVC = 10, 7
# Enhanced RTMP marks its own way of writing a video tag with the highest bit.
_ENHANCED = 0x80
_LONGEST_HEADER = 4096
_CHUNK = 1 << 20


class Kind(Enum):
    """What a tag carries."""

    VIDEO = "video"
    AUDIO = "audio"
    VIDEO_HEADER = "video header"
    AUDIO_HEADER = "audio header"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag: `time_ms` is its time of decoding, `shown_ms` of showing; `header` is a codec's own, else empty."""

    kind: Kind
    time_ms: int
    shown_ms: int
    keyframe: bool
    codec: int
    header: bytes


def read_tags(file: BinaryIO, offset: int = 0) -> Iterator[tuple[Tag, int]]:
    """Every whole tag from `offset` on (0, or one that came with a tag before), with the offset behind it.

    Ends at the first that is not whole: the file grows, or was cut off there.
    """
    end = file.seek(0, 2)
    offset = offset or _FILE_HEADER
    while offset + _TAG_HEADER.size <= end:
        file.seek(offset)
        kind, size, time, _ = _TAG_HEADER.unpack(file.read(_TAG_HEADER.size))
        length = int.from_bytes(size, "big")
        behind = offset + _TAG_HEADER.size + length + _PREVIOUS_SIZE
        if behind > end:
            return
        yield _tag(kind, _time_ms(time), file.read(min(length, _LONGEST_HEADER))), behind
        offset = behind


def copy_stretch(source: BinaryIO, begin: int, end: int, target: BinaryIO) -> None:
    """Write a file of the tags from `begin` to `end` (offsets where a tag begins), led by the headers of the codecs
    that hold there."""
    source.seek(0)
    target.write(source.read(_FILE_HEADER))
    headers: dict[Kind, tuple[int, int]] = {}
    at = _FILE_HEADER
    for tag, behind in read_tags(source):
        if at >= begin:
            break
        if tag.header:
            headers[tag.kind] = (at, behind)
        at = behind
    for at, behind in [*sorted(headers.values()), (max(begin, _FILE_HEADER), end)]:
        source.seek(at)
        _copy(source, target, behind - at)


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    while size > 0 and (data := source.read(min(size, _CHUNK))):
        target.write(data)
        size -= len(data)


def _time_ms(field: int) -> int:
    """Three bytes and, behind them, the highest one; signed."""
    value = (field >> 8) | (field & 0xFF) << 24
    return value - (1 << 32) if value & 0x8000_0000 else value


def _tag(kind: int, time_ms: int, data: bytes) -> Tag:
    first = data[0] if data else 0
    if kind == _AUDIO and data:
        codec = first >> 4
        is_header = codec == _AAC and data[1:2] == b"\0"
        return Tag(
            Kind.AUDIO_HEADER if is_header else Kind.AUDIO, time_ms, time_ms, True, codec, data if is_header else b""
        )
    if kind != _VIDEO or not data or first & _ENHANCED:
        return Tag(Kind.OTHER, time_ms, time_ms, False, first, b"")
    codec, keyframe = first & 0x0F, first >> 4 == 1
    if codec != _AVC:
        return Tag(Kind.VIDEO, time_ms, time_ms, keyframe, codec, b"")
    if data[1:2] == b"\0":
        return Tag(Kind.VIDEO_HEADER, time_ms, time_ms, keyframe, codec, data)
    shift = int.from_bytes(data[2:5], "big", signed=True)
    # Neither a codec header nor a frame: the end of the sequence.
    kind_of = Kind.VIDEO if data[1:2] == b"\1" else Kind.OTHER
    return Tag(kind_of, time_ms, time_ms + shift, keyframe, codec, b"")
