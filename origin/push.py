"""Pushing on: what is published to this origin alone is published to the other one, too, as it came.

It protects against the loss of the agent or the ladder here, not of the machine. The frames are the same bytes, so that
both origins find themselves on one timeline. An encoder that has the name over there comes first: the push waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

import aiohttp

from origin.ladder import live_input
from origin.show import Client
from panocast.background import Background
from panocast.errors import PanocastError, TemporaryError
from panocast.ffmpeg import Output, command
from panocast.process import Child, Command

log = logging.getLogger(__name__)

# An encoder that publishes to both origins has come to the other one by then; and the time between two looks.
WAIT_S = 5.0
TIMEOUT_S = 3.0
# What it sends is live: nothing is lost by ending it quickly.
GRACE_S = 0.5

Busy = Callable[[str], Awaitable[bool]]
"""Whether somebody publishes this stream to the other origin; raises TemporaryError while that cannot be known."""


def push_argv(source_url: str, target_url: str) -> list[str]:
    """The argv that publishes a stream on, no frame of it touched, its timestamps as they are."""
    options = {"c": "copy", "f": "flv", "flvflags": "no_duration_filesize"}
    # Long enough for sound that begins late; where there is none, this is how much later the push begins.
    return command(live_input(source_url, analyze_s=2.0), [Output(target_url, "copy", audio=True, options=options)])


class Push:
    """One push for each live stream, kept running for as long as the stream lasts."""

    def __init__(self, argv_of: Callable[[str], list[str]], busy: Busy, *, wait_s: float = WAIT_S) -> None:
        self._argv_of, self._busy, self._wait_s = argv_of, busy, wait_s
        self._tasks: dict[tuple[str, Client], asyncio.Task[None]] = {}
        self._background = Background()

    def reconcile(self, live: Mapping[str, Client]) -> None:
        """Push these streams on and no other, each for as long as it has the same publisher."""
        publishes = live.items()
        for publish in [publish for publish in self._tasks if publish not in publishes]:
            self._tasks.pop(publish).cancel()
        for name, client in publishes:
            if (name, client) not in self._tasks:
                work = self._keep_pushing(name)
                self._tasks[name, client] = self._background.start(work, f"the push of {name}")

    async def stop(self) -> None:
        """End every push."""
        self.reconcile({})
        await self._background.ended()

    async def _keep_pushing(self, name: str) -> None:
        said = ""
        while True:
            await asyncio.sleep(self._wait_s)
            try:
                why = "it is published there already" if await self._busy(name) else await self._push(name)
            except PanocastError as error:
                why = str(error)
            except Exception as error:  # the top of a loop that nothing may end
                why = repr(error)
                if why != said:
                    log.exception("%s: its push failed", name)
            if why != said:
                log.info("%s: not pushed to the other origin for now: %s", name, why)
            said = why

    async def _push(self, name: str) -> str:
        """Push until it ends; gives why it did, in words."""
        child = Child(Command(f"the push of {name}", self._argv_of(name)))
        await child.start()
        log.info("%s: pushed on to the other origin", name)
        try:
            return child.failure(await child.wait())
        finally:
            await asyncio.shield(child.stop(GRACE_S))


def asking(session: aiohttp.ClientSession, peer: str | None) -> Busy:
    """Asks the other origin's HTTP who publishes there; without one, a push finds out by being refused."""

    async def busy(name: str) -> bool:
        if peer is None:
            return False
        try:
            async with asyncio.timeout(TIMEOUT_S), session.get(f"{peer.rstrip('/')}/live.json") as response:
                return name in (await response.json(content_type=None))["publishing"]
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, TypeError, KeyError) as error:
            raise TemporaryError(f"{peer} does not say who publishes there: {error or type(error).__name__}") from error

    return busy
