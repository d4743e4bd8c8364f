"""The door: nginx asks before it lets a publisher in, and waits for the answer.

Whether a name is busy is asked of nginx itself, which answers while it waits. Whoever was let in but is not seen there
yet holds the name, so that of two who come at once only one passes.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from origin.admission import PublishRequest, check_publish, parse_done, parse_publish, shown_name
from origin.journal import Journal
from origin.pace import Pace
from origin.recorded import newest_recording
from origin.refusals import Refusals
from origin.rtmp_server import RtmpServer
from panocast.errors import RefusedError
from panocast.keys import StreamKeys
from panocast.threads import in_thread

log = logging.getLogger(__name__)

# The answer waits for whoever reads the stream from its first frame; then nginx shows the publisher at once.
HOLD_S = 5.0
# Somebody who tries keys, or an encoder with an old one that never gives up: after some refusals at once they are
# answered late, which costs us nothing, and the log does not fill. The right key is never kept waiting.
LATE_S = 2.0
# Each of them keeps one of nginx's connections.
MOST_LATE = 256
# A publisher that is dropped is gone in a moment: so many looks, 50 ms apart.
GONE_LOOKS = 40


class Doorkeeper:
    """Decides on each publish; the session of one that will be recorded is written down before it begins."""

    def __init__(
        self,
        keys: StreamKeys,
        server: RtmpServer,
        journal: Journal,
        refusals: Refusals,
        recordings: Path,
        *,
        hold_s: float = HOLD_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._keys = keys
        self._server = server
        self._journal = journal
        self._refusals = refusals
        self._recordings = recordings
        self._hold_s = hold_s
        self._sleep = sleep
        self._held: dict[tuple[str, str], tuple[int, float]] = {}
        self._nginx_pid = 0
        self._asking: set[int] = set()
        self._late = 0
        self._one_at_a_time = asyncio.Lock()
        self._prompt = Pace(20, every_s=1.0)
        self._lines = Pace(20, every_s=10.0)
        self._unsaid = 0

    async def admit(self, body: bytes) -> PublishRequest:
        """Let a publisher in and say who it is, or raise RefusedError in words; TemporaryError while nginx cannot be
        asked."""
        try:
            request = parse_publish(body)
        except RefusedError as error:
            await self._refuse(None, error)
            raise
        if request.client in self._asking:
            # Of one connection nginx asks about every message at once, each question by a connection of its own.
            raise RefusedError("it asks again before it is answered")
        self._asking.add(request.client)
        try:
            # First what needs no look at nginx: strangers cost next to nothing.
            check_publish(request, self._keys, {})
            async with self._one_at_a_time:
                await self._admit(request)
            return request
        except RefusedError as error:
            await self._refuse(request, error)
            raise
        finally:
            self._asking.discard(request.client)

    async def _refuse(self, request: PublishRequest | None, error: RefusedError) -> None:
        self._remember(request, str(error))
        if self._prompt.allows() or self._late >= MOST_LATE:
            return
        self._late += 1
        try:
            await self._sleep(LATE_S)
        finally:
            self._late -= 1

    def _remember(self, request: PublishRequest | None, reason: str) -> None:
        name = shown_name(request.name) if request else "?"
        app = shown_name(request.app) if request else "?"
        if not self._refusals.add(name, reason):
            return
        if not self._lines.allows():
            self._unsaid += 1
            return
        more = f" (and {self._unsaid} others, unsaid)" if self._unsaid else ""
        self._unsaid = 0
        log.warning("refused to publish %s/%s: %s%s", app, name, reason, more)

    async def _admit(self, request: PublishRequest) -> None:
        stat = await self._server.stat()
        if stat.pid != self._nginx_pid:
            # Whoever an earlier nginx let in went with it, untold, and this one counts its clients anew.
            self._held, self._nginx_pid = {}, stat.pid
        publishing = {name: seen.client for name, seen in stat.of(request.app).items()}
        there = publishing.get(request.name)
        if there is not None and not request.pushed and self._journal.is_pushed(request.name, stat.pid, there):
            log.info("%s: the encoder itself is here: the other origin's push goes", request.name)
            await self._server.drop_publisher(request.app, request.name, there)
            publishing = await self._once_gone(request)
        check_publish(request, self._keys, publishing | self._holders(request.app))
        if request.app == "live":
            await self._until_its_file_is_new(request.name)
            by = (request.name, stat.pid, request.client)
            heard = self._last_written(request.name)
            record = await in_thread(partial(self._journal.resume, *by, heard, pushed=request.pushed))
            if record:
                log.info("%s: the encoder is back: going on with session %s", request.name, record.session)
            else:
                await in_thread(partial(self._journal.begin, *by, pushed=request.pushed))
        self._held[request.app, request.name] = (request.client, time.monotonic() + self._hold_s)

    async def _once_gone(self, request: PublishRequest) -> dict[str, int]:
        """Who publishes once the name is free, or after a while in any case."""
        key = (request.app, request.name)
        for _ in range(GONE_LOOKS):
            publishing = {name: seen.client for name, seen in (await self._server.stat()).of(request.app).items()}
            if request.name not in publishing and key not in self._held:
                break
            await self._sleep(0.05)
        return publishing

    def _holders(self, app: str) -> dict[str, int]:
        now = time.monotonic()
        self._held = {key: held for key, held in self._held.items() if held[1] > now}
        return {name: client for (of, name), (client, _) in self._held.items() if of == app}

    def release(self, body: bytes) -> None:
        """A publisher left: its name is free at once."""
        left = parse_done(body)
        if left and self._held.get((left.app, left.name), (None, 0.0))[0] == left.client:
            del self._held[left.app, left.name]

    async def _until_its_file_is_new(self, name: str) -> None:
        """nginx names a recording by the second and would write over one of this very second; one that is stored and
        gone keeps its name, too, for that is how the journal knows it."""
        now = time.time()
        stored = {record.last_file for record in self._journal.sessions().get(name, [])}
        while int(now) in stored or (self._recordings / f"{name}-{int(now)}.flv").exists():
            await self._sleep(math.floor(now) + 1.02 - now)
            now = time.time()

    def _last_written(self, name: str) -> datetime | None:
        """When nginx last wrote to a recording of this name that is not stored yet."""
        newest = newest_recording(self._recordings, name)
        try:
            return datetime.fromtimestamp(newest.stat().st_mtime, UTC) if newest else None
        except FileNotFoundError:  # stored this moment
            return None
