"""Forging MP4 files: boxes replaced in place, with the sizes of those around them put right (ISO/IEC 14496-12)."""

from __future__ import annotations

import struct

INSIDE = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts"}


def box(kind: bytes, body: bytes) -> bytes:
    """A box."""
    return struct.pack(">I4s", 8 + len(body), kind) + body


def replaced(data: bytes, kind: bytes, body: bytes) -> bytes:
    """`data` with the body of every box of this kind replaced; its index must stand behind its media."""
    out = b""
    while data:
        size, found = struct.unpack(">I4s", data[:8])
        inner = data[8:size]
        if found == kind:
            inner = body
        elif found in INSIDE:
            inner = replaced(inner, kind, body)
        out += box(found, inner)
        data = data[size:]
    return out


def table(*words: int) -> bytes:
    """The body of a box that is a table: version and flags 0, then 32-bit numbers."""
    return struct.pack(f">{1 + len(words)}I", 0, *words)


def alias(name: str) -> bytes:
    """The body of a `dref` that says: the media is not in here, but in the file `name` in the folder above (an alias
    record of QuickTime's, as ffmpeg reads it)."""
    path = f"/{name}".encode()
    path += b"\0" * (len(path) % 2)
    record = b"\0" * 10 + b"\0" * 28 + b"\0" * 12 + b"\0" * 64 + b"\0" * 16
    record += struct.pack(">HH", 2, 1) + b"\0" * 16  # levels: two up from here, one down to there
    record += struct.pack(">HH", 2, len(path)) + path + struct.pack(">HH", 0xFFFF, 0)
    entry = b"alis" + struct.pack(">I", 0) + record
    return table(1) + struct.pack(">I", 4 + len(entry)) + entry
