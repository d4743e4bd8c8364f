"""An RTMP publisher of our own making, for what ffmpeg cannot send: clocks that wrap, codecs it does not know.

Adobe's Real Time Messaging Protocol 1.0: handshake (5.2), chunks (5.3), commands (7); enhanced RTMP's video tags.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

AUDIO, VIDEO = 8, 9
_SET_CHUNK_SIZE, _COMMAND = 1, 20
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Message:
    """One message: audio or video, its time in ms, an FLV tag's body."""

    kind: int
    time_ms: int
    body: bytes


def messages(path: Path) -> list[Message]:
    """The audio and video of an FLV file."""
    data, at, found = path.read_bytes(), 13, []
    while at < len(data):
        size, time_ms = (int.from_bytes(data[at + n : at + n + 3], "big") for n in (1, 4))
        if data[at] in (AUDIO, VIDEO):
            found.append(Message(data[at], time_ms | data[at + 7] << 24, data[at + 11 : at + 11 + size]))
        at += 15 + size
    return found


@asynccontextmanager
async def publisher(url: str) -> AsyncIterator[Publisher]:
    """A connection that publishes to `url`; an AssertionError where it is refused."""
    where = urlsplit(url)
    assert where.hostname
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    publishing = Publisher(writer)
    try:
        app, _, name = where.path.lstrip("/").partition("/")
        async with asyncio.timeout(60):
            await publishing.begin(reader, app, f"{name}?{where.query}")
        draining = asyncio.create_task(_drain(reader))
        try:
            yield publishing
        finally:
            draining.cancel()
    finally:
        writer.close()


class Publisher:
    """What can be sent; raises OSError once the server has hung up."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def begin(self, reader: asyncio.StreamReader, app: str, name: str) -> None:
        """Shake hands, connect, publish."""
        self._writer.write(b"\x03" + bytes(1536))
        await reader.readexactly(1 + 1536)
        self._writer.write(await reader.readexactly(1536))
        await self._send(_SET_CHUNK_SIZE, 0, struct.pack(">I", _CHUNK_BYTES), stream=0)
        properties = b"".join(_property(key, _text(value)) for key, value in {"app": app, "type": "nonprivate"}.items())
        await self._send(_COMMAND, 0, _text("connect") + _number(1) + b"\x03" + properties + b"\0\0\x09", stream=0)
        await self._send(_COMMAND, 0, _text("createStream") + _number(2) + b"\x05", stream=0)
        await self._send(_COMMAND, 0, _text("publish") + _number(3) + b"\x05" + _text(name) + _text("live"), stream=1)
        said = b""
        while b"NetStream.Publish.Start" not in said:
            more = await reader.read(4096)
            assert more, "refused"
            said += more

    async def send(self, sent: Iterable[Message], shift_ms: int = 0) -> None:
        """Send these in their own time, each `shift_ms` later than it says, in RTMP's 32 bits."""
        began: float | None = None
        for message in sent:
            began = time.monotonic() - message.time_ms / 1000 if began is None else began
            await asyncio.sleep(max(0.0, began + message.time_ms / 1000 - time.monotonic()))
            await self._send(message.kind, (message.time_ms + shift_ms) & 0xFFFFFFFF, message.body, stream=1)

    async def _send(self, kind: int, time_ms: int, body: bytes, *, stream: int) -> None:
        extended = struct.pack(">I", time_ms) if time_ms >= 0xFFFFFF else b""
        head = min(time_ms, 0xFFFFFF).to_bytes(3, "big") + len(body).to_bytes(3, "big") + bytes([kind])
        self._writer.write(b"\x03" + head + struct.pack("<I", stream) + extended + body)
        await self._writer.drain()


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


def _text(text: str) -> bytes:
    return b"\x02" + struct.pack(">H", len(text)) + text.encode()


def _property(key: str, value: bytes) -> bytes:
    return struct.pack(">H", len(key)) + key.encode() + value


def _number(value: float) -> bytes:
    return b"\0" + struct.pack(">d", value)
