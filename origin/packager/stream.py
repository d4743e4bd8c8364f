"""One live stream of our own packager over all its publishes: the two ffmpeg, the package, and its states."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass

from origin.ladder import Source
from origin.packager.commands import COPIED_AUDIO
from origin.packager.encoding import Encoding
from origin.packager.kept import KeptRunning
from origin.packager.package import Package
from origin.packager.passthrough import Passthrough
from origin.packager.shelf import Kept, Shelf
from origin.show import Ask, Client
from origin.stat import Published
from panocast.errors import RefusedError, TemporaryError
from panocast.feed import Feed, State
from panocast.follow import Heard
from panocast.ladder import Size
from panocast.projection import Projection, Stereo

log = logging.getLogger(__name__)

# How long, beyond a GOP, the rungs that are there wait for one that is not: players read the list of rungs but once.
COMPLETE_WAIT_S = 2.0
# An ended stream can still be watched to its end by those who do.
ENDED_S = 30.0
_TICK_S = 0.1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all streams of a packager share.

    `drop_readers` ends whoever reads a stream from nginx, `follow_peer` tells what the other origin has of a stream,
    `now_ms` is the wall clock.
    """

    source_url: Callable[[str], str]
    ask: Ask
    drop_readers: Callable[[str], Awaitable[None]]
    shelf: Shelf
    sphere: Callable[[str, Size], tuple[Projection, Stereo]]
    follow_peer: Callable[[str, Heard], Coroutine[None, None, None]] | None
    grace_s: float
    now_ms: Callable[[], int]


class PackagedStream:
    """Attached at a publish, paused when its encoder leaves, ended when no encoder comes back. `publish` counts its
    publishes in this life of the agent."""

    def __init__(self, name: str, package: Package, around: Surroundings, kept: Kept | None) -> None:
        self.name = name
        self.package = package
        self.publish = 0
        self.over = False
        self._closed = False
        self._around = around
        self._kept = kept
        # What its sound is taken for before nginx tells.
        self._audio = kept.audio if kept else COPIED_AUDIO
        self._client: Client | None = kept.client if kept else None
        self._encoding = Encoding(name, package, self._flows)
        self._passthrough: Passthrough | None = None
        self._clock = asyncio.get_running_loop().time
        self._left_s: float | None = None
        self._first_s: float | None = None
        self._made_before = 0
        self._one_at_a_time = asyncio.Lock()
        self._said = False
        self._news = asyncio.Event()
        package.on_change = self._changed
        self._tasks = [asyncio.create_task(self._tick(), name=f"timeline of {name}")]
        if around.follow_peer:
            self._tasks.append(asyncio.create_task(around.follow_peer(name, self._hear), name=f"peer of {name}"))
        else:
            self._hear(None)

    # ---- its publishes

    async def attach(self) -> None:
        """A new publish begins in a moment: read it from its first frame."""
        async with self._one_at_a_time:
            await self._stop_reading()
            self.package.connected()
            self._client = None
            self.publish += 1
            self._read()

    def go_on(self, client: Client) -> None:
        """A publish that lasts; the one that the agent's last life knew goes on where it was."""
        if self._passthrough is None:
            if self._client != client:
                self.package.connected()
            self._read()
        self._client = client

    def _read(self) -> None:
        if self._closed:
            return
        self._left_s, self.over = None, False
        self._made_before = self.package.made
        url = self._around.source_url(self.name)
        take = self._encoding.take
        self._passthrough = Passthrough(self.name, url, self.package, take, self._look, self._audio)

    async def step(self, source: Source) -> None:
        """Go on from what nginx says of the source now. Raises RefusedError for what cannot go on."""
        async with self._one_at_a_time:
            if self._passthrough is None:
                return
            if self._passthrough.stands_still:
                raise RefusedError("its timestamps stand still, as after a jump back: the encoder has to connect again")
            self._audio = source.audio
            self.package.lies(*self._around.sphere(self.name, source.size))
            self._passthrough.expect_audio(source.audio)
            await self._encoding.judge(self._passthrough.newest_ms)
            self._decide_what_is_shown()

    async def leave(self, publish: int) -> None:
        """The encoder of a publish left; it may come back, and may be back already by another one."""
        async with self._one_at_a_time:
            if publish != self.publish or self._closed:
                return
            with contextlib.suppress(TemporaryError):
                await self._around.drop_readers(self.name)
            if self._passthrough:
                await self._passthrough.finish()
            await self._encoding.finish()
            self._passthrough = None
            self._left_s = self._clock()
            self.package.enter(State.PAUSED)

    async def close(self) -> None:
        """The agent stops, or the stream is over: whoever waits for its news looks elsewhere."""
        self._closed = True
        self._news.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stop_reading()
        await self._encoding.close()
        self.package.close()

    async def _stop_reading(self) -> None:
        try:
            if self._passthrough:
                await self._passthrough.stop()
            await self._encoding.stop()  # after what still gives it frames
        finally:
            self._passthrough = None

    def _flows(self) -> bool:
        """Whether the source comes in, so that a silent ladder hangs."""
        return self._passthrough is not None and self._passthrough.flows

    # ---- what is told

    @property
    def widths(self) -> tuple[int, ...]:
        """The rungs that can be played, while the encoder is there."""
        return tuple(rung.width for rung in self.package.rungs) if self.package.state is State.LIVE else ()

    @property
    def shed(self) -> tuple[int, ...]:
        """The rungs that this machine is too slow for."""
        return self._encoding.shed

    @property
    def ladder_speed(self) -> float | None:
        """Seconds encoded in each second of the last ten, as soon as that is known."""
        return self._encoding.ladder.speed if self._encoding.ladder else None

    @property
    def starts(self) -> int:
        """How often its ffmpegs were started in this publish."""
        return sum(each.starts for each in self._running)

    @property
    def _running(self) -> list[KeptRunning]:
        return [each for each in (self._passthrough, self._encoding.ladder) if each]

    def warnings(self) -> list[str]:
        """What its owner should know, in words."""
        running = [process.warning() for process in self._running]
        rungs = ", ".join(map(str, self.shed))
        slow = f"this machine is too slow for every rung: without {rungs} for now" if rungs else None
        return [warning for warning in (slow, *running) if warning]

    def _decide_what_is_shown(self) -> None:
        """Every rung once all have a segment, or those that have one after a while."""
        package = self.package
        if package.source is None or package.source != self._encoding.track or self._left_s is not None:
            return  # which rungs there will be is not known yet
        wanted = {package.source.size.width, *(rung.size.width for rung in self._encoding.rungs)}
        if package.ready and self._first_s is None:
            self._first_s = self._clock()
        wait_s = COMPLETE_WAIT_S + (package.gop_ms or 0) / 1000
        waited = self._first_s is not None and self._clock() - self._first_s >= wait_s
        if wanted <= package.ready or waited or package.rungs:
            package.show(wanted)
        if package.rungs and package.made > self._made_before:
            package.enter(State.LIVE)

    def _changed(self) -> None:
        self._decide_what_is_shown()
        self._news.set()
        self._news = asyncio.Event()
        if self._client:
            kept = Kept(client=self._client, audio=self._audio, timeline=self.package.timeline.saved)
            if kept != self._kept:
                self._kept = kept
                self._write(kept)

    def _write(self, kept: Kept) -> None:
        try:
            self._around.shelf.write(self.name, kept)
        except OSError as error:
            if not self._said:
                log.error("%s: its timeline cannot be kept: %s", self.name, error)
            self._said = True

    def feed(self) -> Feed:
        """The stream as peer and edges are told of it."""
        return self.package.feed(self._around.now_ms())

    async def news(self, after: str | None) -> None:
        """Wait until there is another state than the one that `after` names, or the stream is closed."""
        while not self._closed and after == f"{self.package.identity.epoch}.{self.package.version}":
            await self._news.wait()

    # ---- time passes

    def _hear(self, peer: Feed | None) -> None:
        try:
            self.package.plan(self.package.timeline.hear(peer))
        except Exception:  # what cannot be used may not end the listening
            log.exception("%s: what the other origin says could not be used", self.name)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            try:
                self.package.plan(self.package.timeline.tick())
                self._decide_what_is_shown()
                self._grow_old()
            except Exception:  # the top of a loop that nothing may end
                log.exception("%s: its time could not go on", self.name)

    def _grow_old(self) -> None:
        """Without an encoder: ended after the time of grace, gone some time later."""
        if self._left_s is None:
            return
        away_s = self._clock() - self._left_s
        if away_s >= self._around.grace_s:
            self.package.enter(State.ENDED)
        if away_s >= self._around.grace_s + ENDED_S or not self.package.rungs:
            self.over = True

    async def _look(self) -> Published | None:
        try:
            seen = (stat := await self._around.ask()).of("live").get(self.name)
        except TemporaryError:
            return None
        return seen if seen and self._client in (None, (stat.pid, seen.client)) else None
