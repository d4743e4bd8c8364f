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
from dataclasses import dataclass, field

from panocast.errors import PanocastError
from panocast.layout import RECORDINGS, UPLOADS, UploadKey, parse_ingest_key
from panocast.queue import Queue
from panocast.store import Stat, Store
from panocast.threads import in_thread
from transcoder.jobs import event_body

log = logging.getLogger(__name__)

PAUSE_S = 1.0
# A look takes this share of the watcher's time at most: over a big archive it looks less often instead of working more.
MOST_SHARE = 0.05
# What is being copied into uploads/ grows; it is taken once it has not changed for this long.
STABLE_S = 2.0


@dataclass(slots=True)
class Watcher:
    """Looks for objects of the ingest store that have no message yet; `clock` counts seconds."""

    ingest: Store
    queue: Queue
    clock: Callable[[], float] = time.monotonic
    _sent: dict[str, str] = field(default_factory=dict)
    _growing: dict[str, tuple[str, float]] = field(default_factory=dict)
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
            growing: dict[str, tuple[str, float]] = {}
            for prefix in (RECORDINGS, UPLOADS):
                for stat in self.ingest.list(prefix):
                    if self._sent.get(stat.key) != stat.etag:
                        self._take(stat, growing)
            self._growing = growing

    def _take(self, stat: Stat, growing: dict[str, tuple[str, float]]) -> None:
        at = parse_ingest_key(stat.key)
        if isinstance(at, UploadKey) and not self._is_stable(stat, growing):
            return
        if at is not None:
            self.queue.send(event_body(stat.key), dedupe=f"{stat.key} {stat.etag}")
        self._sent[stat.key] = stat.etag

    def _is_stable(self, stat: Stat, growing: dict[str, tuple[str, float]]) -> bool:
        etag, since = self._growing.get(stat.key, ("", 0.0))
        if etag != stat.etag:
            since = self.clock()
        elif self.clock() - since >= STABLE_S:
            return True
        growing[stat.key] = (stat.etag, since)
        return False
