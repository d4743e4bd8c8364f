"""RFC 6381's names of codecs, read from a track's sample description."""

from __future__ import annotations

import struct

from origin.packager.boxes import Box, MalformedError, boxes

_VISUAL_BYTES, _SOUND_BYTES = 78, 28
_ES, _DECODER_CONFIG, _DECODER_SPECIFIC = 0x03, 0x04, 0x05


def codec_of(entry: Box) -> str:
    """The codec of a sample entry: `avc1.64001f`, `mp4a.40.2`. Raises MalformedError for what is neither."""
    if entry.kind == b"avc1":
        return f"avc1.{_inside(entry, _VISUAL_BYTES, b'avcC')[1:4].hex()}"
    if entry.kind == b"mp4a":
        return _aac(_inside(entry, _SOUND_BYTES, b"esds")[4:])
    raise MalformedError(f"a track of {entry.kind!r}: only H.264 and AAC are packaged")


def config_of(entry: Box) -> bytes:
    """The decoder's configuration of an H.264 sample entry (avcC); empty for another one."""
    return bytes(_inside(entry, _VISUAL_BYTES, b"avcC")) if entry.kind == b"avc1" else b""


def _inside(entry: Box, skip: int, kind: bytes) -> memoryview:
    found = next((b.payload for b in boxes(entry.payload[skip:]) if b.kind == kind), None)
    if found is None or len(found) < 4:
        raise MalformedError(f"a sample description without {kind!r}")
    return found


def _aac(descriptors: memoryview) -> str:
    """The audio object type, behind the descriptors that wrap it (ISO/IEC 14496-1, 7.2.6; 14496-3, 1.6.2.1)."""
    tag, body = _descriptor(descriptors)
    if tag != _ES:
        raise MalformedError(f"a descriptor {tag} where an ES descriptor should be")
    tag, body = _descriptor(body[3:])
    if tag != _DECODER_CONFIG:
        raise MalformedError(f"a descriptor {tag} where a decoder's configuration should be")
    tag, config = _descriptor(body[13:])
    if tag != _DECODER_SPECIFIC or len(config) < 2:
        raise MalformedError("AAC without its configuration")
    (bits,) = struct.unpack_from(">H", config)
    kind = bits >> 11
    return f"mp4a.40.{32 + (bits >> 5 & 0x3F) if kind == 31 else kind}"


def _descriptor(data: memoryview) -> tuple[int, memoryview]:
    """The tag of a descriptor and what it holds; its size is written seven bits to a byte."""
    size, at = 0, 1
    while True:
        byte = data[at]
        size, at = size << 7 | byte & 0x7F, at + 1
        if not byte & 0x80:
            return data[0], data[at : at + size]
        if at > 4:
            raise MalformedError("a descriptor's size takes more than four bytes")
