"""Following one stream's feed on one origin by long poll: the news is there milliseconds after the origin has it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import aiohttp
from pydantic import ValidationError
from pydantic_core import from_json

from panocast.body import read_at_most
from panocast.errors import NotFoundError, TemporaryError
from panocast.feed import WAIT_S, Feed, FeedSegment, feed_path

log = logging.getLogger(__name__)

LARGEST_FEED_BYTES = 8 << 20
"""A feed of a minute with 4 rungs has some 50 KB; one of an hour 3 MB."""

ANSWER_WITHIN_S = WAIT_S + 2.0
_CONNECT_S = 1.0
_PAUSES_S = (0.1, 2.0)

Heard = Callable[[Feed | None], None]


async def follow_feed(
    session: aiohttp.ClientSession,
    base_url: str,
    name: str,
    heard: Heard,
    *,
    who: str,
    within_s: float = ANSWER_WITHIN_S,
) -> None:
    """Call `heard` with each new state of a stream's feed until cancelled, and with None whenever there is none to be
    had: the origin does not answer within `within_s`, answers nonsense, or does not have the stream.

    Trouble is said once in the log, of `who` ("the primary origin").
    """
    timeout = aiohttp.ClientTimeout(total=within_s, sock_connect=_CONNECT_S)
    reader = _Reader()
    cursor: str | None = None
    pause_s = _PAUSES_S[0]
    trouble = ""
    while True:
        feed, said = None, ""
        try:
            feed = await _ask(session, base_url.rstrip("/") + feed_path(name), cursor, name, timeout, reader)
        except NotFoundError:
            pass
        except TemporaryError as error:
            said = str(error)
        if said and said != trouble:
            log.warning("stream %s: no word from %s: %s", name, who, said)
        trouble = said
        heard(feed)
        if feed and feed.cursor != cursor:
            cursor, pause_s = feed.cursor, _PAUSES_S[0]
            continue
        # No news, whether it waited for some or not: never ask in a tight loop; with jitter, so that two origins that
        # come back together do not keep step.
        if feed:
            await asyncio.sleep(_PAUSES_S[0])
        else:
            cursor = None
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, _PAUSES_S[1])


class _Reader:
    """Reads the feeds of one stream on one origin. A feed tells its whole window with each change; a segment that it
    tells as it did the last time is not checked again, but is the same object."""

    def __init__(self) -> None:
        self._said: list[Any] = []
        self._segments: tuple[FeedSegment, ...] = ()

    def read(self, body: bytes) -> Feed:
        """What it says; raises ValueError (pydantic's, or one for what is no JSON)."""
        told = from_json(body)
        if not isinstance(told, dict) or not isinstance(said := told.get("segments"), list):
            return Feed.model_validate(told)
        gone = self._said.index(said[0]) if said and said[0] in self._said else len(self._said)
        known = zip(said, self._said[gone:], self._segments[gone:], strict=False)
        same = [segment if now == before else now for now, before, segment in known]
        feed = Feed.model_validate({**told, "segments": [*same, *said[len(same) :]]})
        self._said, self._segments = said, feed.segments
        return feed


async def _ask(
    session: aiohttp.ClientSession,
    url: str,
    cursor: str | None,
    name: str,
    timeout: aiohttp.ClientTimeout,
    reader: _Reader,
) -> Feed:
    """What there is, or what is newer than `cursor`. Raises NotFoundError without the stream, TemporaryError in words
    for an answer that makes no sense, and for none."""
    params = {"after": cursor} if cursor else {}
    try:
        async with session.get(url, params=params, timeout=timeout, allow_redirects=False) as response:
            if response.status == 404:
                raise NotFoundError(f"{url} is not there")
            if response.status != 200:
                raise TemporaryError(f"{url} answers {response.status}")
            body = await read_at_most(response.content, LARGEST_FEED_BYTES)
        if body is None:
            raise TemporaryError(f"{url} answers with more than {LARGEST_FEED_BYTES} bytes")
        feed = reader.read(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TemporaryError(f"{url} answers with something that is no feed: {where} {first['msg']}") from error
    except ValueError as error:
        raise TemporaryError(f"{url} answers with something that is no feed: {error}") from error
    except TimeoutError as error:
        raise TemporaryError(f"{url} does not answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise TemporaryError(f"{url}: {error}") from error
    if feed.name != name:
        raise TemporaryError(f"{url} answers with the feed of {feed.name!r}")
    return feed
