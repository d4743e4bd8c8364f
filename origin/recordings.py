"""The recorder at work: round after round while the origin runs, in a hurry once its machine will be taken away, and a
last time when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from origin.alarm import Waiting, alarms, look
from origin.recorder import Recorder
from origin.stat import Stat
from origin.valve import Valve
from panocast.errors import PanocastError, TemporaryError
from panocast.spot import Notice, NoticeKind

log = logging.getLogger(__name__)

# How long nginx is waited for when the agent ends: one supervisor ends both at the same time, or the agent alone.
NGINX_ENDS_S = 1.0
FLUSH_S = 90.0
SAY_AGAIN_S = 60.0
StatNow = Callable[[], Awaitable[Stat]]


class Recordings:
    """Runs a recorder; `warnings` says what people must know. `stat_now` is what nginx says, `stat_of_last` the same,
    or nobody once nginx is gone."""

    def __init__(
        self,
        recorder: Recorder,
        folder: Path,
        valve: Valve,
        stat_now: StatNow,
        stat_of_last: StatNow,
        *,
        disk_low_bytes: int,
    ) -> None:
        self.woken = asyncio.Event()
        self._recorder = recorder
        self._folder = folder
        self._valve = valve
        self._stat_now = stat_now
        self._stat_of_last = stat_of_last
        self._disk_low_bytes = disk_low_bytes
        self._taken_away = False
        self._hurried = False
        self._failure = ""
        self._waiting = Waiting(0, 0.0, 1 << 62)
        self._said: dict[str, float] = {}

    def warnings(self) -> list[str]:
        """What is wrong with recordings, in words, the worst first."""
        return list(alarms(self._waiting, self._disk_low_bytes, self._failure, shut=self._valve.shut))

    def register(self, registry: CollectorRegistry) -> None:
        """Show figures to Prometheus."""
        figures: dict[str, tuple[str, Callable[[], float]]] = {
            "panocast_recordings_waiting_bytes": ("Recordings not stored yet", lambda: self._waiting.bytes),
            "panocast_recordings_free_bytes": ("Room on the disk of recordings", lambda: self._waiting.free_bytes),
            "panocast_recordings_stored_parts": ("Parts stored since the start", lambda: self._recorder.stored),
        }
        for name, (text, value) in figures.items():
            Gauge(name, text, registry=registry).set_function(value)

    async def run(self, *, pause_s: float = 1.0) -> None:
        """Store recordings for ever; what fails is tried again, and said again when it fails differently."""
        while True:
            self.woken.clear()
            await self._round(self._stat_now)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self.woken.wait()

    async def guard(self, *, pause_s: float = 1.0) -> None:
        """Look after the room on the disk for ever, however long a store takes, and say what is wrong."""
        while True:
            try:
                self._waiting = await asyncio.to_thread(look, self._folder, time.time())
                await self._valve.turn(self._waiting.free_bytes)
            except (OSError, TemporaryError) as error:
                log.debug("the disk of recordings cannot be looked after: %s", error)
            except Exception:  # the top of a loop that nothing may end
                log.exception("the disk of recordings cannot be looked after")
            self._say_warnings()
            await asyncio.sleep(pause_s)

    async def heed(self, notices: AsyncIterator[Notice]) -> None:
        """Hurry from the notice on that says that this machine goes: then seconds of recording are unsaved, not a
        part."""
        async for notice in notices:
            if notice.kind is NoticeKind.INTERRUPTION:
                log.warning("this machine is taken away at %s: recordings are stored as they come", notice.at)
                self._taken_away = self._hurried = True
                self.woken.set()

    async def flush(self) -> None:
        """Store everything that there is, as the origin ends.

        Where nginx ends with us, that is all it has received, and sessions are closed. Where it stays, for our next
        life, the GOP that it writes now is left for that.
        """
        self._hurried = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                await self._round(self._stat_of_last)
                if await self._nginx_ends():
                    await self._round(self._stat_of_last)
                while self._taken_away and self._failure:  # the disk goes with the machine
                    await asyncio.sleep(1.0)
                    await self._round(self._stat_of_last)

    async def _nginx_ends(self) -> bool:
        deadline = time.monotonic() + NGINX_ENDS_S
        while time.monotonic() < deadline:
            with contextlib.suppress(PanocastError):
                if (await self._stat_of_last()).pid == 0:
                    return True
            await asyncio.sleep(0.05)
        return False

    async def _round(self, stat_now: StatNow) -> None:
        try:
            await self._recorder.step(stat_now, hurried=self._hurried, closed_all=lambda: self._valve.closed_all)
            self._failure = ""
        except Exception as error:  # the top of a loop that nothing may end
            if str(error) != self._failure:
                self._failure = str(error) or type(error).__name__
                known = isinstance(error, PanocastError | OSError)
                log.warning("recordings wait: %s", error, exc_info=None if known else error)

    def _say_warnings(self) -> None:
        """Each kind of warning in the log, and again every minute: its figures change."""
        now = time.monotonic()
        for warning in self.warnings():
            kind = re.sub(r"[\d.]", "", warning)[:20]
            if now - self._said.get(kind, -SAY_AGAIN_S) >= SAY_AGAIN_S:
                self._said[kind] = now
                log.error("%s", warning)
