"""The origins: who answers, what they have live, and what is published there but has no segment yet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
from pydantic import ValidationError

from edge.live import Live, merge
from panocast.body import read_at_most
from panocast.errors import TemporaryError

log = logging.getLogger(__name__)

POLL_S = 0.5
TIMEOUT_S = 2.0
LARGEST_ANSWER = 1 << 20


class Origins:
    """Asks each origin twice a second what it has; `live` is the merged answer, `up` who answered last time."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self.live = Live()
        self.up: dict[str, bool] = dict.fromkeys(urls, False)
        self.urls = urls
        self._answers: dict[str, Live | None] = {}

    async def run(self, news: Callable[[], Awaitable[None]]) -> None:
        """Follow the origins until cancelled, each at its own pace; `news` is awaited after each answer."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            for role in self.urls:
                group.create_task(self._poll(session, role, news))

    async def _poll(self, session: aiohttp.ClientSession, role: str, news: Callable[[], Awaitable[None]]) -> None:
        while True:
            self._answers[role] = await self._ask(session, role)
            self.live = merge([answer for role in self.urls if (answer := self._answers.get(role))])
            await news()
            await asyncio.sleep(POLL_S)

    def has(self, name: str) -> bool:
        """Whether an origin says that somebody publishes this stream."""
        return name in self.live.publishing

    async def _ask(self, session: aiohttp.ClientSession, role: str) -> Live | None:
        try:
            async with session.get(f"{self.urls[role].rstrip('/')}/live.json") as response:
                response.raise_for_status()
                body = await read_at_most(response.content, LARGEST_ANSWER)
            if body is None:
                raise TemporaryError(f"what it says has more than {LARGEST_ANSWER} bytes")
            answer = Live.model_validate_json(body)
        except (aiohttp.ClientError, TimeoutError, ValidationError, OSError, TemporaryError) as error:
            if self.up[role]:
                log.warning("the %s origin does not answer: %s", role, error)
            self.up[role] = False
            return None
        if not self.up[role]:
            log.info("the %s origin answers", role)
        self.up[role] = True
        return answer
