"""All mirrors of an edge: one begins with the first request for its stream, and ends when nobody watches any more."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import aiohttp

from edge.audience import Audience, count, take_log
from edge.choice import BACK_S
from edge.live import with_choices
from edge.metrics import EdgeMetrics
from edge.mirror import Mirror
from edge.origins import Origins
from edge.shelf import Shelf
from edge.window import Window
from panocast.feed import SEGMENT_NAME
from panocast.threads import in_thread, until_ended

log = logging.getLogger(__name__)

WAIT_S = 4.0
"""So long the first request of a stream waits for something to play."""
IDLE_S = 30.0
LOOK_S = 1.0
AGAIN_S = 1.0


class Mirrors:
    """Keeps what is watched mirrored; `shelf` is what nginx serves, `log_file` where it says what it served."""

    def __init__(
        self,
        origins: Origins,
        shelf: Shelf,
        log_file: Path,
        metrics: EdgeMetrics,
        *,
        idle_s: float = IDLE_S,
        back_s: float = BACK_S,
    ) -> None:
        self._origins = origins
        self._shelf = shelf
        self._log_file = log_file
        self._metrics = metrics
        self._idle_s = idle_s
        self._back_s = back_s
        self._audience = Audience()
        self._mirrors: dict[str, Mirror] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None
        self._listed = self._trouble = ""
        self._listing = asyncio.Lock()

    async def run(self) -> None:
        """Mirror until cancelled; begins with what an earlier agent mirrored."""
        await in_thread(self._shelf.create)
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=1.0)
        saved = await in_thread(self._shelf.saved)  # before anybody's request begins a mirror
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._session:
            try:
                for window in saved:
                    log.info("%s is mirrored on from %d", window.name, window.entries[-1].shown.number)
                    self._begin(window.name, window)
                while True:
                    await self._look()
                    await asyncio.sleep(LOOK_S)
            finally:
                for task in self._tasks.values():
                    task.cancel()
                await asyncio.gather(*self._tasks.values(), return_exceptions=True)
                self._mirrors.clear()
                self._tasks.clear()
                self._session = None

    async def serve(self, name: str, path: str) -> bool:
        """Whether a file (a path below /hls/) of the stream `name` is there, waited for if it is worth it. A name that
        no origin reports costs no origin anything."""
        now = time.monotonic()
        mirror = self._mirrors.get(name)
        if mirror is None:
            if not self._origins.has(name) or self._session is None:
                return False
            mirror = self._begin(name)
        elif mirror.window.last is None and not self._origins.has(name):
            return False  # it never began, and nobody publishes it any more
        self._audience.asked(name, now)
        return self._shelf.has(path) or (_may_come(mirror, path) and await mirror.until_there(path, WAIT_S))

    async def list_live(self) -> None:
        """Put what is live, and where it comes from, where nginx serves it."""
        async with self._listing:
            text = self.listing()
            if text == self._listed:
                return
            try:
                await in_thread(self._shelf.put_list, text)
                self._listed, self._trouble = text, ""
            except OSError as error:  # a full disk: tried again with the next answer of an origin
                if str(error) != self._trouble:
                    log.error("what is live cannot be listed, and is tried again: %s", error)
                self._trouble = str(error)

    def listing(self) -> str:
        """`/live.json` as this edge tells it."""
        choices = {name: (m.choice.role, m.choice.why) for name, m in self._mirrors.items() if m.choice.role}
        return with_choices(self._origins.live, choices).model_dump_json()

    def _begin(self, name: str, window: Window | None = None) -> Mirror:
        assert self._session is not None
        assert name not in self._mirrors, f"there is a mirror of {name} already"
        self._audience.asked(name, time.monotonic())
        mirror = Mirror(
            name, self._origins.urls, self._session, self._shelf, self._metrics, window=window, back_s=self._back_s
        )
        self._mirrors[name] = mirror
        earlier = self._tasks.get(name)
        self._tasks[name] = asyncio.create_task(self._keep(mirror, earlier), name=f"mirror of {name}")
        return mirror

    async def _keep(self, mirror: Mirror, earlier: asyncio.Task[None] | None) -> None:
        if earlier is not None:
            await until_ended(earlier)
        while True:
            try:
                await mirror.run()
            except* OSError as errors:
                log.error("%s cannot be kept, and is tried again: %s", mirror.name, errors.exceptions[0])
            except* Exception:
                log.exception("the mirror of %s failed; it is started again", mirror.name)
            await asyncio.sleep(AGAIN_S)

    async def _look(self) -> None:
        """Read who watches, and end what nobody watches and what is over."""
        now = time.monotonic()
        requests = count(await in_thread(take_log, self._log_file))
        self._audience.note(requests, now)
        for name, mirror in list(self._mirrors.items()):
            viewers = self._audience.viewers(name, mirror.window.target_duration_s)
            self._metrics.watched(name, viewers, requests[name].sent if name in requests else 0)
            idle_s = max(self._idle_s, 3 * mirror.window.target_duration_s)  # a player asks once in a target duration
            if now - self._audience.asked_at.get(name, now) > idle_s:
                self._end(name, "nobody watches it")
            elif mirror.over(now):
                self._end(name, "it is over")

    def _end(self, name: str, why: str) -> None:
        log.info("%s is mirrored no more: %s", name, why)
        del self._mirrors[name]
        self._audience.forget(name)
        self._metrics.forget(name)
        task = self._tasks[name]
        task.cancel()
        self._tasks[name] = clearing = asyncio.create_task(self._clear(name, task))
        clearing.add_done_callback(lambda done: self._tasks.pop(name) if self._tasks.get(name) is done else None)

    async def _clear(self, name: str, task: asyncio.Task[None]) -> None:
        await until_ended(task)
        await in_thread(self._shelf.clear, name)


def _may_come(mirror: Mirror, path: str) -> bool:
    """Whether to wait for a file that is not there: any playlist of a stream that begins, a segment that comes next."""
    folder, slash, file = path.rpartition("/")
    if segment := SEGMENT_NAME.fullmatch(file):
        return mirror.expects(int(segment["number"]), int(folder.rpartition("_")[2]))
    return not slash or mirror.window.last is None or mirror.young
