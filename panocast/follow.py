"""Following one stream's feed on one origin by long poll: the news is there milliseconds after the origin has it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import aiohttp
from pydantic import ValidationError

from panocast.feed import WAIT_S, Feed, feed_path

LARGEST_FEED_BYTES = 8 << 20
ANSWER_WITHIN_S = WAIT_S + 2.0
RETRY_S = (0.1, 2.0)


async def follow_feed(
    session: aiohttp.ClientSession, base_url: str, name: str, heard: Callable[[Feed | None], None]
) -> None:
    """Call `heard` with each new state of a stream's feed until cancelled, and with None whenever there is none to be
    had: the origin does not answer, answers nonsense, or does not have the stream."""
    cursor: str | None = None
    pause_s = RETRY_S[0]
    while True:
        feed = await _ask(session, base_url.rstrip("/") + feed_path(name), cursor)
        if feed is not None and feed.name != name:
            feed = None
        heard(feed)
        if feed is None:
            cursor = None
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, RETRY_S[1])
        elif feed.cursor == cursor:
            await asyncio.sleep(RETRY_S[0])  # nothing new: it has waited already, or does not know how to
        else:
            cursor, pause_s = feed.cursor, RETRY_S[0]


async def _ask(session: aiohttp.ClientSession, url: str, cursor: str | None) -> Feed | None:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            async with session.get(url, params={"after": cursor} if cursor else {}) as response:
                if response.status != 200:
                    return None
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > LARGEST_FEED_BYTES:
                        return None
        return Feed.model_validate_json(bytes(body))
    except (aiohttp.ClientError, TimeoutError, OSError, ValidationError):
        return None
