"""One life of an ffmpeg that writes into pipes of ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from origin.packager.pipe import Pipe, Supply
from panocast.ffmpeg import SpeedMeter
from panocast.process import Child, Command

Take = Callable[[bytes], None]
# What a dead child wrote is read within this time, or never.
_DRAIN_S = 2.0
# Nothing is lost by ending it quickly, and an RTMP read ignores the first SIGTERM.
_GRACE_S = 0.3


class Run:
    """`start`, then `wait` for its end or `stop` it. `argv_of` is given the descriptors it writes to; what it reads may
    come from a `supply`, which is let go with it. Raises TemporaryError where no pipe can be had."""

    def __init__(
        self,
        name: str,
        argv_of: Callable[[list[int]], list[str]],
        takers: Sequence[Take],
        supply: Supply | None = None,
    ) -> None:
        self._clock = asyncio.get_running_loop().time
        self.heard_s: float | None = None
        self.started_s = self._clock()
        self._pipes: list[Pipe] = []
        self._supply = supply
        try:
            for take in takers:
                self._pipes.append(Pipe(self._heard(take)))
            descriptors = [pipe.write_fd for pipe in self._pipes]
            inherited = (*descriptors, *([supply.read_fd] if supply else []))
            self._meter = SpeedMeter(self._clock)
            self._child = Child(Command(name, argv_of(descriptors), pass_fds=inherited), on_stdout=self._meter.feed)
        except BaseException:
            self._close()
            raise

    @property
    def silent_s(self) -> float:
        """How long nothing came from it."""
        return self._clock() - (self.heard_s or self.started_s)

    @property
    def speed(self) -> float | None:
        """Seconds of output for each second of the last ten, or None before ten seconds have passed."""
        return self._meter.speed

    async def start(self) -> None:
        """Start it. Raises UsageError where ffmpeg is missing, TemporaryError where it cannot start."""
        try:
            await self._child.start()
        except BaseException:
            self._close()
            raise
        for pipe in self._ends:
            pipe.begin()

    async def wait(self) -> str:
        """Wait until it has ended and all it wrote is read; says how it ended."""
        code = await self._child.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await asyncio.gather(*(pipe.ended() for pipe in self._pipes))
        error = next((pipe.error for pipe in self._pipes if pipe.error), None)
        if error:
            return f"{self._child.command.name} wrote what makes no sense: {error}"
        return self._child.failure(code) if code else f"{self._child.command.name} ended"

    async def stop(self) -> None:
        """End it; what it has not written yet is lost."""
        if self._child.pid is not None:
            await self._child.stop(_GRACE_S)
        self._close()

    def kill(self) -> None:
        """End it at once, for one that hangs."""
        if self._child.pid is not None:
            self._child.kill()

    @property
    def _ends(self) -> list[Pipe | Supply]:
        return [*self._pipes, *([self._supply] if self._supply else [])]

    def _close(self) -> None:
        for pipe in self._ends:
            pipe.close()

    def _heard(self, take: Take) -> Take:
        def heard(data: bytes) -> None:
            self.heard_s = self._clock()
            take(data)

        return heard
