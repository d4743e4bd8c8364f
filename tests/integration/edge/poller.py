"""A viewer who asks five times a second, and checks what every player relies on."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from urllib.parse import urljoin

import aiohttp
import m3u8

EVERY_S = 0.2


class Poller:
    """Follows every rung of a stream: what goes backwards, changes afterwards, or is named and not there is in
    `errors`; `longest_wait_s` is the longest time without a new segment in any rung."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.errors: list[str] = []
        self.refreshes = 0
        self.discontinuities = 0
        self.longest_wait_s = 0.0
        self.newest: int | None = None
        self._session = session
        self._url = url
        self._rungs: dict[str, _Rung] = {}

    async def __aenter__(self) -> Poller:
        self._task = asyncio.create_task(self._poll())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def lap(self) -> float:
        """The longest wait that ended since the last call, in seconds."""
        return max((rung.lap() for rung in self._rungs.values()), default=0.0)

    async def _poll(self) -> None:
        while True:
            master = await self._playlist(self._url)
            uris = [urljoin(self._url, str(variant.uri)) for variant in master.playlists] if master else []
            await asyncio.gather(*(self._refresh(uri) for uri in uris))
            if uris:
                self.newest = min(self._rungs[uri].last for uri in uris)
                self.discontinuities = max(self._rungs[uri].seams for uri in uris)
                self.longest_wait_s = max(self.longest_wait_s, *(self._rungs[uri].longest_wait_s for uri in uris))
                self.refreshes += 1
            await asyncio.sleep(EVERY_S)

    async def _refresh(self, uri: str) -> None:
        playlist = await self._playlist(uri)
        if playlist is None:
            return
        rung = self._rungs.setdefault(uri, _Rung())
        for fresh in rung.see(playlist, self.errors):
            async with self._session.get(urljoin(uri, fresh)) as response:
                if response.status != 200:
                    self.errors.append(f"{fresh} is named, and answered with {response.status}")

    async def _playlist(self, url: str) -> m3u8.M3U8 | None:
        try:
            async with self._session.get(url) as response:
                text = await response.text()
                if response.status != 200:
                    self.errors.append(f"{url} is answered with {response.status}")
                    return None
                return m3u8.loads(text)
        except aiohttp.ClientError as error:
            self.errors.append(f"{url}: {error}")
            return None


class _Rung:
    def __init__(self) -> None:
        self.first = self.last = -1
        self.seams = 0
        self.longest_wait_s = 0.0
        self._lap_s = 0.0
        self._news_at = time.monotonic()
        self._said: dict[int, tuple[str, float]] = {}

    def lap(self) -> float:
        longest_s, self._lap_s = self._lap_s, 0.0
        return longest_s

    def see(self, playlist: m3u8.M3U8, errors: list[str]) -> list[str]:
        """Take the next version; gives the names that are new, with the init segment's."""
        first = int(playlist.media_sequence or 0)
        last = first + len(playlist.segments) - 1
        if first < self.first or last < self.last:
            errors.append(f"from {self.first}–{self.last} back to {first}–{last}")
        now = time.monotonic()
        fresh = []
        for number, segment in enumerate(playlist.segments, first):
            said = (str(segment.uri), float(segment.duration or 0))
            if number not in self._said:
                fresh += [said[0]] if self._said else [said[0], str(segment.init_section.uri)]
                self.seams += bool(segment.discontinuity) and number > self.last and self.last >= 0
            if self._said.setdefault(number, said) != said:
                errors.append(f"{number} was {self._said[number]}, is {said}")
        if last > self.last:
            wait_s = now - self._news_at if self.last >= 0 else 0.0
            self.longest_wait_s, self._lap_s = max(self.longest_wait_s, wait_s), max(self._lap_s, wait_s)
            self._news_at = now
        self.first, self.last = first, last
        return fresh
