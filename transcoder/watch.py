"""The watcher: on one machine nobody tells of new objects, so messages are derived from what the store holds.

It runs inside every worker; the queue's memory (dedupe) keeps two of them from sending the same message.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from panocast.errors import PanocastError
from panocast.layout import RECORDINGS, UPLOADS, UploadKey, parse_ingest_key
from panocast.queue import Queue
from panocast.store import Stat, Store, local_folder
from panocast.threads import in_thread
from transcoder.arrival import STABLE_S, quiet_s
from transcoder.jobs import event_body

log = logging.getLogger(__name__)

PAUSE_S = 1.0
# A look takes this share of the watcher's time at most: over a big archive it looks less often instead of working more.
MOST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class _Growing:
    """An upload of this content, seen first at `since_s`; it must not change for `wanted_s`."""

    etag: str
    since_s: float
    wanted_s: float = STABLE_S


@dataclass(slots=True)
class Watcher:
    """Looks for objects of the ingest store that have no message yet; `clock` counts seconds.

    What is being copied into uploads/ grows; it is taken once it has not changed for a while (transcoder.arrival).
    """

    ingest: Store
    queue: Queue
    clock: Callable[[], float] = time.monotonic
    _sent: dict[str, str] = field(default_factory=dict)
    _growing: dict[str, _Growing] = field(default_factory=dict)
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def finds_nothing(self) -> bool:
        """Look now; whether nothing is still growing (what was new has its message); blocks."""
        self.look()
        return not self._growing

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until `stop` is set; what goes wrong once is tried again."""
        while not stop.is_set():
            begun = self.clock()
            try:
                await in_thread(self.look)
            except PanocastError as error:
                log.warning("cannot look for new objects: %s", error)
            except Exception:  # the top of the loop: without it, nothing new would be found any more
                log.exception("cannot look for new objects")
            pause_s = max(PAUSE_S, (self.clock() - begun) / MOST_SHARE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await stop.wait()

    def look(self) -> None:
        """Send a message for each object that is new (an upload: and has stopped growing); blocks."""
        with self._looking:
            growing: dict[str, _Growing] = {}
            for prefix in (RECORDINGS, UPLOADS):
                for stat in self.ingest.list(prefix):
                    if self._sent.get(stat.key) != stat.etag:
                        self._take(stat, growing)
            self._growing = growing

    def _take(self, stat: Stat, growing: dict[str, _Growing]) -> None:
        at = parse_ingest_key(stat.key)
        if isinstance(at, UploadKey) and not self._is_stable(stat, growing):
            return
        if at is not None:
            self.queue.send(event_body(stat.key), dedupe=f"{stat.key} {stat.etag}")
        self._sent[stat.key] = stat.etag

    def _is_stable(self, stat: Stat, growing: dict[str, _Growing]) -> bool:
        before = self._growing.get(stat.key)
        if before is None or before.etag != stat.etag:
            growing[stat.key] = _Growing(stat.etag, self.clock())
            return False
        quiet_for_s = self.clock() - before.since_s
        wanted_s = self._quiet_s(stat.key) if quiet_for_s >= STABLE_S else STABLE_S
        if quiet_for_s >= wanted_s:
            return True
        if wanted_s > before.wanted_s:
            log.info("%s may not be all there: it is taken once nothing of it changes for %g s", stat.key, wanted_s)
        growing[stat.key] = replace(before, wanted_s=wanted_s)
        return False

    def _quiet_s(self, key: str) -> float:
        root = local_folder(self.ingest.url)
        return quiet_s(root, key) if root else STABLE_S
