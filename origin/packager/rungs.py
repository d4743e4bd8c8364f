"""The encoded rungs of one stream, kept running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from origin.packager.commands import rungs_argv
from origin.packager.kept import HANG_S, LOOK_S, START_S, KeptRunning
from origin.packager.package import Package
from origin.packager.readers import RungReader
from origin.packager.run import Run
from panocast.ladder import Rung


class EncodedRungs(KeptRunning):
    """Encodes these rungs; `flowing` says whether the source comes in, so that a silent ladder hangs."""

    what = "ladder"

    def __init__(
        self, name: str, url: str, package: Package, rungs: Sequence[Rung], flowing: Callable[[], bool]
    ) -> None:
        self.rungs = tuple(rungs)
        self._url, self._package, self._flowing = url, package, flowing
        self._readers: list[RungReader] = []
        super().__init__(name)

    @property
    def newest_ms(self) -> int | None:
        """The time of the newest frame that every rung has."""
        times = [reader.newest_ms for reader in self._readers]
        known = [time for time in times if time is not None]
        return min(known) if known and len(known) == len(times) else None

    async def _once(self) -> str:
        self._readers = [RungReader(self._package, r.size.width, r.bitrate_bps) for r in self.rungs]
        self._run = run = Run(
            f"the ladder of {self._name}",
            lambda fds: rungs_argv(self._url, list(zip(self.rungs, fds, strict=True))),
            [reader.take for reader in self._readers],
        )
        await run.start()
        self.starts += 1
        noticing = asyncio.create_task(self._notice_hangs(run))
        noticing.add_done_callback(self._watcher_ended)
        try:
            ended = await run.wait()
        finally:
            noticing.cancel()
            await asyncio.shield(run.stop())
        if self._finishing:
            for reader in self._readers:
                reader.end()
        return ended

    async def _notice_hangs(self, run: Run) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if self._flowing() and run.silent_s > (HANG_S if run.heard_s else START_S):
                self._kill(f"nothing came out of it for {run.silent_s:.0f} s")
                return
