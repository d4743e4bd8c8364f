"""A stretch of network between two servers on loopback that can be cut, frozen or made slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

CHUNK_BYTES = 16_384


@dataclass
class Link:
    """Where it listens, and what all its connections together carry (`bytes_per_s`; None: no limit)."""

    url: str = ""
    bytes_per_s: float | None = None
    _cut: bool = False
    _thawed: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _free_at: float = 0.0

    def __post_init__(self) -> None:
        self._thawed.set()

    def freeze(self) -> None:
        """Connections stay, and carry nothing."""
        self._thawed.clear()

    def cut(self) -> None:
        """No connections any more, and an end to those there are."""
        self._cut = True
        for writer in list(self._open):
            writer.transport.abort()

    def mend(self) -> None:
        """Everything gets through again, at once."""
        self._cut, self.bytes_per_s = False, None
        self._thawed.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes one way until there are no more."""
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._thawed.wait()
                if self.bytes_per_s:
                    now = asyncio.get_running_loop().time()
                    self._free_at = max(self._free_at, now) + len(data) / self.bytes_per_s
                    await asyncio.sleep(self._free_at - now)
                writer.write(data)
                await writer.drain()

    async def accept(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to a local port."""
        beyond: asyncio.StreamWriter | None = None
        try:
            if self._cut:
                return
            answers, beyond = await asyncio.open_connection("127.0.0.1", port)
            self._open |= {writer, beyond}
            ways = [asyncio.create_task(self.carry(*way)) for way in ((reader, beyond), (answers, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
        except OSError:
            pass
        finally:
            for end in filter(None, (writer, beyond)):
                self._open.discard(end)
                end.transport.abort()


@asynccontextmanager
async def link_to(port: int) -> AsyncIterator[Link]:
    """A link to a server on this machine."""
    link = Link()
    server = await asyncio.start_server(lambda reader, writer: link.accept(port, reader, writer), "127.0.0.1", 0)
    link.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield link
    finally:
        server.close()
        link.cut()
