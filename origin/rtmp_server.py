"""What the agent asks of nginx-rtmp, all on loopback: what is going on, and to end something of it."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import quote

import aiohttp

from origin.stat import Stat, parse_stat
from panocast.errors import TemporaryError

log = logging.getLogger(__name__)

TIMEOUT_S = 2.0


class RtmpServer:
    """nginx-rtmp's /stat and /control. Raises TemporaryError while nginx is away."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._base = f"http://127.0.0.1:{port}"

    async def stat(self) -> Stat:
        """Who publishes what."""
        return parse_stat(await self._get("/stat"))

    async def stat_of_last(self) -> Stat:
        """Who publishes what: nobody, once nginx has gone and its port with it. TemporaryError while it may be back."""
        try:
            return await self.stat()
        except TemporaryError as error:
            if isinstance(error.__cause__, aiohttp.ClientConnectorError):
                return Stat(0, ())
            raise

    async def drop_publisher(self, app: str, name: str, client: int | None = None) -> None:
        """End a publish, that of this client alone where one is named; a client that is gone is fine."""
        only = "" if client is None else f"&clientid={client}"
        await self._get(f"/control/drop/publisher?app={quote(app)}&name={quote(name)}{only}")

    async def drop_readers(self, app: str, name: str) -> None:
        """End every play of a stream; none is fine."""
        await self._get(f"/control/drop/subscriber?app={quote(app)}&name={quote(name)}")

    async def stop_recording(self, app: str, name: str, recorder: str) -> None:
        """End the file that a recorder writes now; none is fine."""
        await self._get(f"/control/record/stop?app={quote(app)}&name={quote(name)}&rec={quote(recorder)}")

    async def _get(self, path: str) -> bytes:
        try:
            async with asyncio.timeout(TIMEOUT_S), self._session.get(self._base + path) as response:
                return await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise TemporaryError(f"nginx does not answer on {self._base}: {error or type(error).__name__}") from error
