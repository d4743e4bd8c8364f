"""The encoded rungs of one stream: which there should be, and the ladder that makes them, from the source's frames."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from origin.packager.backlog import Backlog
from origin.packager.fragments import Sample, Track
from origin.packager.package import Package
from origin.packager.rungs import EncodedRungs
from origin.packager.shedding import Shedding, is_behind
from panocast.ladder import Rung, Size, live_rungs

log = logging.getLogger(__name__)


class Encoding:
    """Begins with the first frames of a source, and ends by `finish` or `stop`, for each publish; `close` it at last.
    `flowing` says whether the source comes in, so that a silent ladder hangs."""

    def __init__(self, name: str, package: Package, flowing: Callable[[], bool]) -> None:
        self._name, self._package, self._flowing = name, package, flowing
        self._backlog = Backlog()
        self._shedding = Shedding()
        self._judged: Size | None = None
        self._ladder: EncodedRungs | None = None
        self._clock = asyncio.get_running_loop().time
        self._one_at_a_time = asyncio.Lock()
        self._seen = asyncio.Event()
        self._following = asyncio.create_task(self._follow(), name=f"rungs of {name}")

    @property
    def track(self) -> Track | None:
        """The source, once its first frame came."""
        return self._backlog.track

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """What is encoded now."""
        return self._all_rungs[self._shedding.count :]

    @property
    def shed(self) -> tuple[int, ...]:
        """The widths that this machine is too slow for."""
        return tuple(rung.size.width for rung in self._all_rungs[: self._shedding.count])

    @property
    def ladder(self) -> EncodedRungs | None:
        """The ffmpeg that encodes, if there is one."""
        return self._ladder

    def take(self, track: Track, frames: list[Sample]) -> None:
        """Frames of the source: held for the ladder that is to come, and given at once to the one that is there."""
        if track != self._backlog.track:
            if track.size != self._judged:  # what was too much for this machine was another picture
                self._judged, self._shedding = track.size, Shedding()
            self._backlog.begin(track)
            self._seen.set()
        whole = self._backlog.add(frames)
        if not self.rungs:
            self._backlog.keep_newest()
        if self._ladder and self._ladder.track == track:
            if whole:
                self._ladder.supply(frames)
            else:
                self._ladder.skip()

    async def judge(self, newest_ms: int | None) -> None:
        """Shed a rung where the ladder does not keep up with the source, whose newest frame this is, or try it again
        where it does."""
        if self._shedding.look(self._clock(), behind=self._behind(newest_ms), rungs=len(self._all_rungs)):
            log.warning("%s: rungs shed: %s", self._name, ", ".join(map(str, self.shed)) or "none")
        await self._keep()

    async def finish(self) -> None:
        """The encoder left: what it sent is encoded to the end."""
        async with self._one_at_a_time:
            if self._ladder:
                await self._ladder.finish()
            self._forget()

    async def stop(self) -> None:
        """End at once."""
        async with self._one_at_a_time:
            if self._ladder:
                await self._ladder.stop()
            self._forget()

    async def close(self) -> None:
        """The stream is over."""
        async with self._one_at_a_time:  # not while one ladder follows another
            self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)
        await self.stop()

    @property
    def _all_rungs(self) -> tuple[Rung, ...]:
        return live_rungs(self._backlog.track.size) if self._backlog.track else ()

    def _forget(self) -> None:
        self._ladder = None
        self._backlog.begin(None)

    def _behind(self, newest_ms: int | None) -> bool:
        ladder = self._ladder
        if ladder is None or newest_ms is None or ladder.newest_ms is None:
            return False
        return is_behind(newest_ms - ladder.newest_ms, ladder.speed)

    async def _follow(self) -> None:
        """A ladder begins as soon as the source is known, not only when somebody looks."""
        while True:
            await self._seen.wait()
            self._seen.clear()
            try:
                await self._keep()
            except Exception:  # the top of a loop that nothing may end
                log.exception("%s: its rungs could not begin", self._name)

    async def _keep(self) -> None:
        """Have the ladder that this source and this machine should have. One that replaces another begins with what
        that has not finished, so that no rung which stays lacks anything."""
        async with self._one_at_a_time:
            ladder, track, rungs = self._ladder, self._backlog.track, self.rungs
            if track is None or (ladder and (ladder.track, ladder.rungs) == (track, rungs)):
                return
            if ladder:
                await (ladder.stop() if ladder.track == track else ladder.finish())
                self._ladder = None
            self._package.keep_rungs({track.size.width, *(rung.size.width for rung in rungs)})
            if rungs:
                self._ladder = EncodedRungs(self._name, track, self._backlog, self._package, rungs, self._flowing)
