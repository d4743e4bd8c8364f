"""Fetching files from origins: whole, of the size that was announced, and within a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp

from panocast.body import read_at_most
from panocast.errors import TemporaryError

CONNECT_S = 0.7
LARGEST_INIT_BYTES = 1 << 20


class Fetcher:
    """GETs below /hls/ of the origins at `origins` (role to base URL)."""

    def __init__(self, session: aiohttp.ClientSession, origins: Mapping[str, str]) -> None:
        self._session = session
        self._origins = origins

    async def segment(
        self, role: str, path: str, size: int, *, within_s: float, stall_s: float, late: asyncio.Event
    ) -> bytes:
        """A segment of `size` bytes; `late` is set when half of `within_s` is over and not half of it is here.

        Raises TemporaryError when it takes longer than `within_s`, when nothing comes for `stall_s`, or when it is not
        what was announced.
        """
        data = await self._get(role, path, size, within_s=within_s, stall_s=stall_s, late=late)
        if len(data) != size:
            raise TemporaryError(f"the {role} sent {len(data)} bytes of {path}, announced were {size}")
        return data

    async def init(self, role: str, path: str, *, within_s: float) -> bytes:
        """An init segment; raises TemporaryError."""
        return await self._get(role, path, LARGEST_INIT_BYTES, within_s=within_s, stall_s=within_s)

    async def _get(
        self, role: str, path: str, most: int, *, within_s: float, stall_s: float, late: asyncio.Event | None = None
    ) -> bytes:
        url = f"{self._origins[role].rstrip('/')}/hls/{path}"
        timeout = aiohttp.ClientTimeout(total=within_s, sock_connect=CONNECT_S, sock_read=stall_s)
        coming: aiohttp.StreamReader | None = None

        def look() -> None:
            if late and (coming is None or coming.total_bytes < most / 2):
                late.set()

        timer = asyncio.get_running_loop().call_later(within_s / 2, look)
        try:
            async with self._session.get(url, timeout=timeout) as response:
                if response.status != 200:
                    raise TemporaryError(f"the {role} answers {path} with {response.status}")
                coming = response.content
                data = await read_at_most(response.content, most)
        except TimeoutError as error:
            raise TemporaryError(f"the {role} is slow with {path}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise TemporaryError(f"the {role} does not give {path}: {error}") from error
        finally:
            timer.cancel()
        if data is None:
            raise TemporaryError(f"the {role} sends more of {path} than the {most} bytes expected")
        return data
