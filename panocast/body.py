"""What others send, read no further than it may be long."""

from __future__ import annotations

import aiohttp


async def read_at_most(content: aiohttp.StreamReader, most: int) -> bytes | None:
    """The whole body, or None when it is longer than `most` bytes. Raises what aiohttp does."""
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)
