"""The encoded rungs of one stream, kept running; each run begins with the first frames that are not finished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from origin.packager import tags
from origin.packager.backlog import USUAL_HZ, Backlog
from origin.packager.commands import rungs_argv
from origin.packager.fragments import Sample, Track
from origin.packager.kept import HANG_S, LOOK_S, START_S, KeptRunning
from origin.packager.package import Package
from origin.packager.pipe import Supply
from origin.packager.readers import RungReader
from origin.packager.run import Run, Take
from panocast.ladder import Rung


class EncodedRungs(KeptRunning):
    """Encodes these rungs of `track`: what is in the backlog, then what `supply` is given. `flowing` says whether the
    source comes in, so that a silent ladder hangs."""

    what = "ladder"

    def __init__(
        self,
        name: str,
        track: Track,
        backlog: Backlog,
        package: Package,
        rungs: Sequence[Rung],
        flowing: Callable[[], bool],
    ) -> None:
        self.track, self.rungs = track, tuple(rungs)
        self._backlog, self._package, self._flowing = backlog, package, flowing
        self._readers: list[RungReader] = []
        self._supply: Supply | None = None
        self._begun = False
        super().__init__(name)

    @property
    def newest_ms(self) -> int | None:
        """The time of the newest frame that every rung has."""
        return _least([reader.newest_ms for reader in self._readers])

    def supply(self, frames: Sequence[Sample]) -> None:
        """Frames came, and are in the backlog already."""
        if self._supply and not self._begun:
            self._begin(self._supply)
        elif self._supply:
            for frame in frames:
                self._supply.write(tags.frame(frame))

    def skip(self) -> None:
        """It is so far behind that the backlog has lost what it would have to encode."""
        self._kill("it is too far behind, and goes on with what is newest")

    async def finish(self) -> None:
        """The encoder left: what it sent is encoded to the end."""
        self._finishing = True
        if self._supply and self._begun:
            self._supply.end()
        elif self._supply:
            self._begin(self._supply)
        await super().finish()

    async def _once(self) -> str:
        supply = Supply()
        self._readers = [RungReader(self._package, r.size.width, r.bitrate_bps) for r in self.rungs]
        self._run = run = Run(
            f"the ladder of {self._name}",
            lambda fds: rungs_argv(supply.read_fd, list(zip(self.rungs, fds, strict=True))),
            [self._finishing_gops(reader) for reader in self._readers],
            supply,
        )
        await run.start()
        self.starts += 1
        self._supply, self._begun = supply, False
        self._begin(supply)
        noticing = asyncio.create_task(self._notice_hangs(run))
        noticing.add_done_callback(self._watcher_ended)
        try:
            ended = await run.wait()
        finally:
            self._supply = None
            noticing.cancel()
            await asyncio.shield(run.stop())
        if self._finishing:
            for reader in self._readers:
                reader.end()
        return ended

    def _begin(self, supply: Supply) -> None:
        """What is not finished, once there is enough of it to tell the frame rate."""
        frames, rate_hz = self._backlog.frames, self._backlog.rate_hz
        if frames and (rate_hz or self._finishing):
            supply.write(tags.beginning(self.track.config, frames[0].dts, rate_hz or USUAL_HZ))
            for frame in frames:
                supply.write(tags.frame(frame))
            self._begun = True
        if self._finishing:
            supply.end()

    def _finishing_gops(self, reader: RungReader) -> Take:
        def take(data: bytes) -> None:
            before_ms = reader.done_ms
            reader.take(data)
            if reader.done_ms != before_ms:
                done_ms = _least([reader.done_ms for reader in self._readers])
                if done_ms is not None:
                    self._backlog.finished(done_ms)

        return take

    async def _notice_hangs(self, run: Run) -> None:
        clock = asyncio.get_running_loop().time
        idle_s = run.started_s
        while True:
            await asyncio.sleep(LOOK_S)
            if not self._flowing():
                idle_s = clock()
            silent_s = min(run.silent_s, clock() - idle_s)
            if silent_s > (HANG_S if run.heard_s else START_S):
                self._kill(f"nothing came out of it for {silent_s:.0f} s")
                return


def _least(times: Sequence[int | None]) -> int | None:
    """The least of these times; None as long as one of them is missing."""
    known = [time for time in times if time is not None]
    return min(known) if known and len(known) == len(times) else None
