"""One stream's mirror: follows both origins' feeds, fetches each file once, keeps playlists that name what is here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Mapping

import aiohttp

from edge.choice import BACK_S, Choice
from edge.delivery import Delivery
from edge.fetch import Fetcher
from edge.metrics import EdgeMetrics
from edge.shelf import Shelf
from edge.shown import media_playlists, multivariant, note_rungs, playlist_path
from edge.sight import Sight
from edge.wanted import Wanted, give_up, mark_gaps, wanted
from edge.window import GONE_S, Window
from panocast.feed import Feed, State
from panocast.follow import follow_feed
from panocast.threads import in_thread

log = logging.getLogger(__name__)

TICK_S = 0.1
AT_ONCE = 2
"""So many files of each rung are fetched at a time: where a link is too slow for the largest, the others go on."""
TRIES = 3
RETRY_S = 0.2
ALL_RUNGS_S = 2.0
"""So long the first multivariant playlist waits for every rung to have a segment."""
YOUNG_S = 5.0
LINGER_S = 60.0
"""So long an ended stream stays, for viewers who are behind."""


class Mirror:
    """Mirrors the stream `name` from `origins` (role to base URL, the preferred one first) until cancelled."""

    def __init__(
        self,
        name: str,
        origins: Mapping[str, str],
        session: aiohttp.ClientSession,
        shelf: Shelf,
        metrics: EdgeMetrics,
        *,
        window: Window | None = None,
        back_s: float = BACK_S,
        gone_s: float = GONE_S,
    ) -> None:
        now = time.monotonic()
        self.name = name
        self.choice = Choice(list(origins), back_s=back_s)
        self.window = window or Window(name)
        self.window.resume(now)
        self.ended_at: float | None = None
        self._origins = origins
        self._session = session
        self._shelf = shelf
        self._metrics = metrics
        self._sights = {role: Sight(role, now) for role in origins}
        self._gone_s = gone_s
        self._begun_at = now
        self._wake = asyncio.Event()
        self._delivery = Delivery(
            name, Fetcher(session, origins), shelf, self.window, self.choice, metrics, self._wake.set
        )
        self._news = asyncio.Condition()
        self._slots: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        self._fetching: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._tries: dict[tuple[int, int], int] = {}
        self._texts: dict[str, str] = {}

    async def run(self) -> None:
        """Mirror until cancelled; what is fetched and shown stays on the shelf. Raises what the shelf does (a full
        disk), and can be called again."""
        self._fetching.clear()
        try:
            async with asyncio.TaskGroup() as group:
                for role, url in self._origins.items():
                    group.create_task(self._follow(role, url))
                await self._keep_up(group)
        finally:
            await self._delivery.stop()

    async def until_there(self, path: str, within_s: float) -> bool:
        """Wait until a file (a path below /hls/) is on the shelf; False when it is not after `within_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s), self._news:
                while not self._shelf.has(path):
                    await self._news.wait()
        return self._shelf.has(path)

    def expects(self, number: int, width: int) -> bool:
        """Whether a segment that is not here may be soon: one that is on its way, or comes next."""
        last = self.window.last
        return (number, width) in self._fetching or last is None or last.shown.number < number <= last.shown.number + 2

    @property
    def young(self) -> bool:
        """Whether it began so lately that some of its files may be on their way."""
        return time.monotonic() - self._begun_at < YOUNG_S

    def over(self, now: float) -> bool:
        """Whether the stream ended long enough ago."""
        return self.ended_at is not None and now - self.ended_at > LINGER_S

    async def _follow(self, role: str, url: str) -> None:
        def heard(feed: Feed | None) -> None:
            self._sights[role].hear(feed, time.monotonic())
            self._wake.set()

        await follow_feed(self._session, url, self.name, heard, who=f"the {role} origin")

    async def _keep_up(self, group: asyncio.TaskGroup) -> None:
        while True:
            now = time.monotonic()
            before = self.choice.role
            active = self.choice.decide(self._sights, self.window.last_key, now)
            if active != before:
                self._switched(before)
            gone = self._take(active, now, group) if active is not None else []
            self._note_end(active, now)
            if active is not None or self.ended_at is not None:
                await self._publish(now)
            gone += self.window.sweep(now)
            if gone:
                await in_thread(self._shelf.remove, gone)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            self._wake.clear()

    def _take(self, active: str, now: float, group: asyncio.TaskGroup) -> list[str]:
        """Place what is new, and begin to fetch it; gives the playlists of rungs that are no more."""
        self.window.take(self._sights[active], now)
        withdrawn = note_rungs(self.window, self._sights, active)
        for want in wanted(self.window, self._sights, active, now):
            key = (want.number, want.width)
            if key not in self._fetching:
                self._fetching[key] = group.create_task(self._obtain(want))
        mark_gaps(self.window, self._sights, now)
        first = self.window.entries[0].shown.number if self.window.entries else 0
        self._tries = {key: count for key, count in self._tries.items() if key[0] >= first}
        gone = [playlist_path(self.name, width) for width in withdrawn]
        for path in gone:
            self._texts.pop(path, None)
        return gone

    def _switched(self, before: str | None) -> None:
        role, why = self.choice.role, self.choice.why
        self._metrics.serves(self.name, str(role), switched=before is not None)
        log.log(logging.INFO if before is None else logging.WARNING, "%s comes from the %s: %s", self.name, role, why)

    def _note_end(self, active: str | None, now: float) -> None:
        feed = self._sights[active].feed if active else None
        going_on = any(sight.going_on for sight in self._sights.values())
        ended = feed is not None and feed.state == State.ENDED and not going_on and not self._fetching
        lost = [sight.lost_at for sight in self._sights.values()]
        if all(since is not None and now - since > self._gone_s for since in lost):
            ended = True
        if ended and self.ended_at is None:
            log.info("%s is over", self.name)
        self.ended_at = (self.ended_at or now) if ended else None

    async def _publish(self, now: float) -> None:
        """Put in place what changed: media playlists, then the playlist that names them."""
        texts = media_playlists(self.window, ended=self.ended_at is not None)
        playable = {rung.width for rung in self.window.rungs if self._has_playlist(rung.width, texts)}
        if len(playable) == len(self.window.rungs) or now - self._begun_at > ALL_RUNGS_S:
            text = multivariant(self.window, playable)
            if text is not None:
                texts[f"{self.name}.m3u8"] = text
        changed = {path: text for path, text in texts.items() if self._texts.get(path) != text}
        if not changed:
            return
        news, self._delivery.arrived = self._delivery.arrived, []
        await in_thread(self._put, changed)
        self._texts |= changed
        shown_at = time.monotonic()
        for announced_at in news:
            self._metrics.fresh(shown_at - announced_at)
        async with self._news:
            self._news.notify_all()

    def _has_playlist(self, width: int, texts: Mapping[str, str]) -> bool:
        path = playlist_path(self.name, width)
        return path in texts or path in self._texts

    def _put(self, texts: Mapping[str, str]) -> None:
        self._shelf.save(self.window)
        self._shelf.put_all(texts)

    async def _obtain(self, want: Wanted) -> None:
        key = (want.number, want.width)
        try:
            async with self._slots[want.width]:
                if self.window.entry(want.number) is None:
                    return  # it left while others were fetched
                if await self._delivery.obtain(want):
                    self._tries.pop(key, None)
                    return
            self._tries[key] = self._tries.get(key, 0) + 1
            if self._tries[key] >= TRIES and give_up(self.window, *key):
                log.warning("%s: gives up on %s", self.name, want.target)
                del self._tries[key]
            await asyncio.sleep(RETRY_S)
        finally:
            del self._fetching[key]
            self._wake.set()
