"""A command kept running: started again after a pause that doubles, until it is cancelled."""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import dataclass, field

from panocast.errors import TemporaryError
from panocast.process import Child, Command, OnLine

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Backoff:
    """Pauses between restarts, in seconds: doubling from `first_s` to `most_s`, from the start again after a run of
    `steady_s`."""

    first_s: float = 0.5
    most_s: float = 10.0
    steady_s: float = 30.0
    _next_s: float = field(default=0.0, init=False)

    def pause(self, ran_s: float) -> float:
        """The pause before the next start, after a run of `ran_s` seconds."""
        if ran_s >= self.steady_s or self._next_s == 0.0:
            self._next_s = self.first_s
        pause_s = self._next_s
        self._next_s = min(self._next_s * 2, self.most_s)
        return pause_s


class Service:
    """Keeps a command running until cancelled: restarts it with backoff and remembers why it last ended."""

    def __init__(
        self,
        command: Command,
        *,
        backoff: Backoff | None = None,
        grace_s: float | None = None,
        stop_by: signal.Signals = signal.SIGTERM,
        on_stdout: OnLine | None = None,
        on_stderr: OnLine | None = None,
    ) -> None:
        self.command = command
        self.child: Child | None = None
        self.starts = 0
        self.last_error: str | None = None
        self._backoff = backoff or Backoff()
        self._grace_s = command.grace_s if grace_s is None else grace_s
        self._stop_by = stop_by
        self._on_stdout = on_stdout
        self._on_stderr = on_stderr

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.child.pid if self.child else None

    def kill(self) -> None:
        """End the child at once, for one that no longer answers; `run` starts it again."""
        if self.child:
            self.child.kill()

    async def run(self) -> None:
        """Start, wait, pause, start again; ends only by cancellation (the child is stopped, and killed at a second one)
        or a SetupError."""
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            await self._run_once()
            pause_s = self._backoff.pause(clock() - begun)
            log.warning("%s; starting it again in %.1f s", self.last_error, pause_s)
            await asyncio.sleep(pause_s)

    async def _run_once(self) -> None:
        child = Child(self.command, on_stdout=self._on_stdout, on_stderr=self._on_stderr)
        try:
            await child.start()
        except TemporaryError as error:
            self.last_error = str(error)
            return
        self.child = child
        self.starts += 1
        try:
            code = await child.wait()
            self.last_error = child.failure(code) if code else f"{self.command.name} ended"
        finally:
            try:
                await asyncio.shield(child.stop(self._grace_s, by=self._stop_by))
            finally:
                child.kill()  # for whoever is cancelled again meanwhile, its time is over
                self.child = None
