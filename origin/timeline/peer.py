"""Follows the other origin's feed of a stream by long poll: an answer comes when there is something new."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

import aiohttp
from pydantic import ValidationError

from panocast.errors import TemporaryError
from panocast.feed import WAIT_S, Feed, feed_path

log = logging.getLogger(__name__)

MOST_BYTES = 1 << 20
"""A feed of a minute with 4 rungs has some 50 KB."""

_PAUSE_S = (0.2, 2.0)


class _Absent(Exception):
    """The peer answers, and does not have the stream."""


class Peer:
    """The other origin at `base_url`, http://HOST:PORT; it answers after WAIT_S at the latest, or not at all."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, *, within_s: float = WAIT_S + 2.0) -> None:
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=within_s, connect=2.0)
        self._base_url = base_url.rstrip("/")

    async def follow(self, name: str, heard: Callable[[Feed | None], None]) -> None:
        """Tells of each state of a stream's feed, None while there is none to be had, until it is cancelled."""
        feed: Feed | None = None
        trouble = ""
        pause_s = _PAUSE_S[0]
        while True:
            before, feed, said = feed, None, ""
            try:
                feed = await self._ask(name, before)
            except _Absent:
                pass
            except TemporaryError as error:
                said = str(error)
            if said and said != trouble:
                log.warning("stream %s: no word from the other origin: %s", name, said)
            trouble = said
            heard(feed)
            if feed and (before is None or feed.cursor != before.cursor):
                pause_s = _PAUSE_S[0]
                continue
            # No news, whether it waited for some or not: never ask in a tight loop; with jitter, so that two origins
            # that come back together do not keep step.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0) if feed is None else _PAUSE_S[0] / 2)
            pause_s = min(2 * pause_s, _PAUSE_S[1])

    async def _ask(self, name: str, before: Feed | None) -> Feed:
        """What there is, or what is newer than `before`; raises _Absent, and TemporaryError where it makes no sense."""
        url = self._base_url + feed_path(name)
        params = {"after": before.cursor} if before else {}
        try:
            async with self._session.get(url, params=params, timeout=self._timeout, allow_redirects=False) as response:
                if response.status == 404:
                    raise _Absent
                if response.status != 200:
                    raise TemporaryError(f"{url} answers {response.status}")
                body = bytearray()
                async for chunk in response.content.iter_chunked(1 << 16):
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise TemporaryError(f"{url} answers with more than {MOST_BYTES} bytes")
            return Feed.model_validate_json(body)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise TemporaryError(f"{url} answers with something that is no feed: {where} {first['msg']}") from error
        except TimeoutError as error:
            raise TemporaryError(f"{url} does not answer in time") from error
        except aiohttp.ClientError as error:
            raise TemporaryError(f"{url}: {error}") from error
