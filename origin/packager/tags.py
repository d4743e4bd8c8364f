"""The source's frames written as FLV, which is how nginx-rtmp sends them: the ladder reads what the passthrough read.

Adobe Flash Video File Format Specification 10.1, annex E; E.4.3 for AVC.
"""

from __future__ import annotations

import struct

from origin.packager.fragments import Sample

_VIDEO, _SCRIPT = 9, 18
_KEYFRAME, _INTERFRAME = b"\x17", b"\x27"
_CONFIG, _FRAME = b"\0", b"\1"
# Version 1, video alone; the size of this header, and that of the tag before the first one.
_FILE_HEADER = b"FLV\x01\x01\0\0\0\x09\0\0\0\0"


def beginning(config: bytes, time_ms: int, rate_hz: int) -> bytes:
    """What stands before the first frame, which is decoded at `time_ms`; `config` is the track's avcC. The rate is what
    an encoder goes by where it has no frames to go by yet."""
    return (
        _FILE_HEADER
        + _tag(_SCRIPT, time_ms, _metadata(rate_hz))
        + _tag(_VIDEO, time_ms, _KEYFRAME + _CONFIG + bytes(3), config)
    )


def frame(sample: Sample) -> bytes:
    """One frame, its times in ms."""
    shift = (sample.pts - sample.dts).to_bytes(3, "big", signed=True)
    return _tag(_VIDEO, sample.dts, (_KEYFRAME if sample.keyframe else _INTERFRAME) + _FRAME + shift, sample.data)


def _metadata(rate_hz: int) -> bytes:
    """An array of one property, in AMF 0 (E.4.4)."""
    name, key = b"onMetaData", b"framerate"
    number = struct.pack(">Bd", 0, rate_hz)
    return struct.pack(">BH", 2, len(name)) + name + struct.pack(">BIH", 8, 1, len(key)) + key + number + b"\0\0\x09"


def _tag(kind: int, time_ms: int, head: bytes, data: bytes | memoryview = b"") -> bytes:
    # Three bytes and, behind them, the highest one.
    time = (time_ms & 0xFFFFFFFF).to_bytes(4, "big")
    size = len(head) + len(data)
    tag = bytes([kind]) + size.to_bytes(3, "big") + time[1:] + time[:1] + bytes(3)
    return b"".join((tag, head, data, (len(tag) + size).to_bytes(4, "big")))
