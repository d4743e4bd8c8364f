"""Small FLV files, made by hand."""

from __future__ import annotations

AVC_HEADER = b"\x17\0\0\0\0\x01\x64\0\x1e"
AAC_HEADER = b"\xaf\0\x11\x90"
AAC_FRAME = b"\xaf\1sound"


def avc_frame(*, key: bool, shift_ms: int = 0) -> bytes:
    """The body of a frame that is shown `shift_ms` after it is decoded."""
    return (b"\x17" if key else b"\x27") + b"\1" + shift_ms.to_bytes(3, "big", signed=True) + b"picture"


def tag(kind: int, time_ms: int, body: bytes) -> bytes:
    """One tag and the size behind it; 8 is audio, 9 is video."""
    time = (time_ms & 0xFFFFFFFF).to_bytes(4, "big")
    head = bytes([kind]) + len(body).to_bytes(3, "big") + time[1:] + time[:1] + b"\0\0\0"
    return head + body + (len(head) + len(body)).to_bytes(4, "big")


def flv(*tags: bytes) -> bytes:
    """A file of these tags."""
    return b"FLV\1\5\0\0\0\x09\0\0\0\0" + b"".join(tags)


def stream(frames: int, *, fps: int = 30, gop: int = 30, audio: bool = True) -> bytes:
    """A file of a steady stream."""
    tags = [tag(9, 0, AVC_HEADER), *([tag(8, 0, AAC_HEADER)] if audio else [])]
    for n in range(frames):
        tags.append(tag(9, round(n * 1000 / fps), avc_frame(key=n % gop == 0)))
        if audio:
            tags.append(tag(8, round(n * 1000 / fps) + 1, AAC_FRAME))
    return flv(*tags)
