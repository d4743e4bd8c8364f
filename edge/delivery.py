"""How a stream's files come from the origins to the shelf: from whom, with how much patience, and each but once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from edge.choice import Choice
from edge.fetch import Fetcher
from edge.metrics import EdgeMetrics
from edge.shelf import Shelf
from edge.wanted import Wanted, arrived
from edge.window import Window
from panocast.errors import TemporaryError
from panocast.feed import RungFile
from panocast.threads import in_thread

log = logging.getLogger(__name__)


class Delivery:
    """Fetches files of the stream `name`, and tells its window and the choice of its origin how that goes; `wake` is
    called with each end. `arrived` are the times at which what has come was announced."""

    def __init__(
        self,
        name: str,
        fetcher: Fetcher,
        shelf: Shelf,
        window: Window,
        choice: Choice,
        metrics: EdgeMetrics,
        wake: Callable[[], None],
    ) -> None:
        self.arrived: list[float] = []
        self._name = name
        self._fetcher = fetcher
        self._shelf = shelf
        self._window = window
        self._choice = choice
        self._metrics = metrics
        self._wake = wake
        self._inits: dict[str, asyncio.Task[None]] = {}

    async def stop(self) -> None:
        """End what nobody waits for any more."""
        inits = list(self._inits.values())
        for task in inits:
            task.cancel()
        await asyncio.gather(*inits, return_exceptions=True)

    async def obtain(self, want: Wanted) -> bool:
        """Fetch a file; whether that worked.

        The next origin is asked when one fails, and of the newest segment, for which viewers wait, already when it is
        late: whether it is too slow, it shows as ever.
        """
        tries: list[asyncio.Task[bool]] = []
        placing = asyncio.Lock()
        try:
            for index, (role, file) in enumerate(want.sources):
                late, alone = asyncio.Event(), index == len(want.sources) - 1
                one = asyncio.create_task(self._obtain_from(role, file, want, late, placing, alone=alone))
                tries.append(one)
                if not alone:
                    await late.wait()
                if not self._is_newest(want):
                    await asyncio.wait([one])
                if one.done() and one.result():
                    break
            for one in tries:
                if await one:
                    return True
            return False
        finally:
            for one in tries:
                one.cancel()
            await asyncio.gather(*tries, return_exceptions=True)

    def _is_newest(self, want: Wanted) -> bool:
        last = self._window.last
        return last is not None and last.shown.number == want.number

    async def _obtain_from(
        self, role: str, file: RungFile, want: Wanted, late: asyncio.Event, placing: asyncio.Lock, *, alone: bool
    ) -> bool:
        """Fetch a file from one origin, and put it in place where no other was quicker; whether that worked. `late` is
        set at the end, if not before."""
        try:
            data = await self._fetch(role, file, want, late, alone=alone)
            if data is None:
                return False
            async with placing:
                entry = self._window.entry(want.number)
                if entry is None or want.width not in entry.there:
                    await in_thread(self._shelf.put, want.target, data)
                    arrived(self._window, want, file)
                    self.arrived.append(want.announced_at)
            return True
        finally:
            late.set()
            self._wake()

    async def _fetch(
        self, role: str, file: RungFile, want: Wanted, late: asyncio.Event, *, alone: bool
    ) -> bytes | None:
        """Fetch a segment and its init segment from one origin; None, and the choice told, when that fails.

        With another origin to ask there is little patience.
        """
        within_s = max(5.0, 3 * want.duration_s) if alone else max(1.0, want.duration_s / 2)
        try:
            await self._init_of(role, want.folder, file.init, within_s)
            data = await self._fetcher.segment(
                role, want.source, file.size, within_s=within_s, stall_s=within_s if alone else 0.7, late=late
            )
        except TemporaryError as error:
            log.warning("%s: %s", self._name, error)
            self._choice.failed(role, str(error), time.monotonic())
            self._metrics.failed(role)
            return None
        self._choice.fetched(role)
        self._metrics.fetched(role, len(data))
        return data

    async def _init_of(self, role: str, folder: str, init: str, within_s: float) -> None:
        """Have an init segment on the shelf; fetched once, whoever needs it."""
        path = f"{folder}/{init}"
        if self._shelf.has(path):
            return
        if path not in self._inits:
            self._inits[path] = asyncio.create_task(self._fetch_init(role, path, within_s))
            self._inits[path].add_done_callback(lambda _: self._inits.pop(path))
        await asyncio.shield(self._inits[path])

    async def _fetch_init(self, role: str, path: str, within_s: float) -> None:
        data = await self._fetcher.init(role, path, within_s=within_s)
        await in_thread(self._shelf.put, path, data)
