"""ISO base media file format boxes (ISO/IEC 14496-12, 4.2), read from memory and from a stream that comes in pieces."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from panocast.errors import PanocastError

HEADER_BYTES = 8
# A GOP of ten seconds at 100 Mb/s, and some more: what is larger is no live stream of ours.
MOST_BOX_BYTES = 256 << 20
_HEADER = struct.Struct(">I4s")


class MalformedError(PanocastError):
    """The bytes are not the fragmented MP4 they should be."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its type and what it holds."""

    kind: bytes
    payload: memoryview

    def __bytes__(self) -> bytes:
        return box(self.kind, self.payload)


def box(kind: bytes, *parts: bytes | memoryview) -> bytes:
    """The bytes of a box that holds `parts`."""
    return b"".join((_HEADER.pack(HEADER_BYTES + sum(map(len, parts)), kind), *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: bytes | memoryview) -> bytes:
    """The bytes of a box with a version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def boxes(payload: memoryview) -> Iterator[Box]:
    """The boxes that a box holds. Raises MalformedError for one that is larger than what it lies in."""
    at = 0
    while at < len(payload):
        size, kind = _header(payload[at : at + HEADER_BYTES])
        if size > len(payload) - at:
            raise MalformedError(f"a box {kind!r} of {size} bytes where {len(payload) - at} are left")
        yield Box(kind, payload[at + HEADER_BYTES : at + size])
        at += size


def child(payload: memoryview, *path: bytes) -> memoryview:
    """What the first box at this path below a box holds. Raises MalformedError where there is none."""
    for kind in path:
        found = next((b.payload for b in boxes(payload) if b.kind == kind), None)
        if found is None:
            raise MalformedError(f"there is no box {kind!r}")
        payload = found
    return payload


class BoxReader:
    """Cuts a stream of bytes into its boxes, whatever pieces it comes in."""

    def __init__(self, most_bytes: int = MOST_BOX_BYTES) -> None:
        self._pieces = bytearray()
        self._most = most_bytes

    def feed(self, data: bytes) -> Iterator[Box]:
        """The boxes that are complete now. Raises MalformedError for what can be none."""
        self._pieces += data
        while len(self._pieces) >= HEADER_BYTES:
            size, kind = _header(memoryview(self._pieces)[:HEADER_BYTES])
            if size > self._most:
                raise MalformedError(f"a box {kind!r} of {size} bytes: at most {self._most} are taken")
            if len(self._pieces) < size:
                return
            whole = bytes(memoryview(self._pieces)[:size])
            del self._pieces[:size]
            yield Box(kind, memoryview(whole)[HEADER_BYTES:])


def _header(start: memoryview) -> tuple[int, bytes]:
    if len(start) < HEADER_BYTES:
        raise MalformedError("a box is cut off in its header")
    size, kind = _HEADER.unpack(start)
    if size < HEADER_BYTES:  # 0: to the end of the file, 1: a size of 64 bits; ffmpeg writes neither into fragments
        raise MalformedError(f"a box {bytes(kind)!r} says it has {size} bytes")
    return size, bytes(kind)
