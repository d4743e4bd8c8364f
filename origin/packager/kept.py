"""An ffmpeg kept running for as long as a publish lasts: started again, with a growing pause, whenever it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod

from origin.packager.run import Run
from panocast.errors import PanocastError
from panocast.service import Backoff

log = logging.getLogger(__name__)

# Nothing at all comes before the first keyframe; later every frame comes at once.
START_S, HANG_S = 20.0, 6.0
LOOK_S = 1.0
# What is still on its way when the encoder has left is there within this time, or lost.
_FINISH_S = 1.5


class KeptRunning(ABC):
    """Runs until `finish` (the encoder left) or `stop`. `what` is its name in the log and in warnings."""

    what: str

    def __init__(self, name: str) -> None:
        self.starts = 0
        self.last_error: str | None = None
        self.changed: str | None = None
        self._name = name
        self._run: Run | None = None
        self._finishing = False
        self._meant = False
        self._task = asyncio.create_task(self._keep(), name=f"{self.what} of {name}")

    @property
    def speed(self) -> float | None:
        """Seconds of output for each second of the last ten, or None before ten seconds have passed."""
        return self._run.speed if self._run else None

    def warning(self) -> str | None:
        """What the stream's owner should know of it, in words."""
        if self.changed or self.starts < 2:
            return self.changed
        return f"the {self.what} was started {self.starts} times: {self.last_error}"

    async def finish(self) -> None:
        """The encoder left: what is still on its way is read, then nothing runs any more."""
        self._finishing = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_S):
                await asyncio.shield(asyncio.wait([self._task]))
        await self.stop()

    async def stop(self) -> None:
        """End it at once."""
        self._finishing = True
        self._task.cancel()
        await asyncio.wait([self._task])

    @abstractmethod
    async def _once(self) -> str:
        """Run it once, to its end; says how it ended."""

    async def _keep(self) -> None:
        backoff = Backoff(first_s=0.2, most_s=5.0, steady_s=10.0)
        clock = asyncio.get_running_loop().time
        while not self._finishing:
            began = clock()
            try:
                self.last_error = await self._once()
            except PanocastError as error:
                self.last_error = str(error)
            except Exception as error:  # the top of a loop that nothing may end
                log.exception("%s: %s", self._name, self.what)
                self.last_error = f"the {self.what} failed: {error!r}"
            if self._finishing:
                return
            if self._meant:
                self._meant, self.starts = False, self.starts - 1
                continue
            pause_s = backoff.pause(clock() - began)
            log.warning("%s: %s; starting it again in %.1f s", self._name, self.last_error, pause_s)
            await asyncio.sleep(pause_s)

    def _kill(self, reason: str, *, meant: bool = False) -> None:
        """End the run; another one begins, at once and without a word to the owner where that is `meant`."""
        log.log(logging.INFO if meant else logging.WARNING, "%s: %s: %s", self._name, self.what, reason)
        self._meant = meant
        if self._run:
            self._run.kill()

    def _watcher_ended(self, task: asyncio.Task[None]) -> None:
        """Whoever watches a run may not fail unnoticed: the run begins anew, with watchers."""
        if not task.cancelled() and (error := task.exception()):
            log.error("%s: %s", self._name, self.what, exc_info=error)
            self._kill("it is not watched any more")
