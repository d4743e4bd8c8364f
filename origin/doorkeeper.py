"""The door: nginx asks before it lets a publisher in, and waits for the answer.

Whether a name is busy is asked of nginx itself, which answers while it waits. Whoever was let in but is not seen there
yet holds the name, so that of two who come at once only one passes.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from pathlib import Path

from origin.admission import PublishRequest, check_publish, parse_done, parse_publish, shown_name
from origin.journal import Journal
from origin.refusals import Refusals
from origin.rtmp_server import RtmpServer
from panocast.errors import RefusedError

log = logging.getLogger(__name__)

# From our answer until nginx shows the publisher takes it one turn of its event loop.
HOLD_S = 2.0


class Doorkeeper:
    """Decides on each publish; the session of one that will be recorded is written down before it begins."""

    def __init__(
        self, secret: bytes, server: RtmpServer, journal: Journal, refusals: Refusals, recordings: Path
    ) -> None:
        self._secret = secret
        self._server = server
        self._journal = journal
        self._refusals = refusals
        self._recordings = recordings
        self._held: dict[tuple[str, str], tuple[int, float]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def admit(self, body: bytes) -> None:
        """Let a publisher in, or raise RefusedError in words; TemporaryError while nginx cannot be asked."""
        request: PublishRequest | None = None
        try:
            request = parse_publish(body)
            # First what needs no look at nginx: strangers cost next to nothing.
            check_publish(request, self._secret, {})
            async with self._one_at_a_time:
                await self._admit(request)
        except RefusedError as error:
            name = shown_name(request.name) if request else "?"
            app = shown_name(request.app) if request else "?"
            if self._refusals.add(name, str(error)):
                log.warning("refused to publish %s/%s: %s", app, name, error)
            raise

    async def _admit(self, request: PublishRequest) -> None:
        stat = await self._server.stat()
        publishing = {name: seen.client for name, seen in stat.of(request.app).items()}
        check_publish(request, self._secret, publishing | self._holders(request.app))
        if request.app == "live":
            await self._until_its_file_is_new(request.name)
            self._journal.begin(request.name, stat.pid, request.client)
        self._held[request.app, request.name] = (request.client, time.monotonic() + HOLD_S)

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
        """nginx names a recording by the second and would write over one of this very second."""
        now = time.time()
        while (self._recordings / f"{name}-{int(now)}.flv").exists():
            await asyncio.sleep(math.floor(now) + 1.02 - now)
            now = time.time()
