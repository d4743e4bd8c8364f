"""Our own packager: the live streams it has, and the publishes they belong to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from secrets import token_hex

from origin.keyframes import KeyframeMeter
from origin.ladder import Source
from origin.packager.package import Identity, Package
from origin.packager.stream import PackagedStream, Surroundings
from origin.show import Client
from origin.stat import Published, Stat
from origin.timeline import Timeline
from panocast.background import Background
from panocast.feed import State

log = logging.getLogger(__name__)

# How long a publisher may wait for our reader to be there before its first frame.
ATTACH_S = 1.5
# A publisher that was let in is published within this time, or went away again.
COMES_S = 5.0


class PackagedShow:
    """One publish of a packaged stream."""

    def __init__(self, stream: PackagedStream, background: Background) -> None:
        self._stream = stream
        self._publish = stream.publish
        self._background = background
        self._left = False

    @property
    def widths(self) -> tuple[int, ...]:
        """The rungs that can be played."""
        return self._stream.widths

    @property
    def shed(self) -> tuple[int, ...]:
        """The rungs that this machine is too slow for."""
        return self._stream.shed

    async def step(self, source: Source, seen: Published, stat: Stat) -> None:
        """Go on from what nginx says now."""
        await self._stream.step(source)

    def warnings(self) -> list[str]:
        """What the stream's owner should know."""
        return self._stream.warnings()

    async def stop(self) -> None:
        """The encoder left: what is still on its way is read meanwhile."""
        if not self._left:
            self._left = True
            self._background.start(self._stream.leave(self._publish), f"the end of {self._stream.name}'s publish")


class OwnPackager:
    """Shows streams from memory. Call `close` at the end."""

    def __init__(self, role: str, segment_min_s: float, window_s: float, around: Surroundings) -> None:
        self.streams: dict[str, PackagedStream] = {}
        self._role = role
        self._segment_min_ms = round(segment_min_s * 1000)
        self._window_ms = round(window_s * 1000)
        self._around = around
        self._epoch = token_hex(6)
        self._clock = asyncio.get_running_loop().time
        self._expected: dict[str, float] = {}
        self._came: dict[str, asyncio.Event] = {}
        self._background = Background()
        around.shelf.sweep()

    @property
    def expected(self) -> list[str]:
        """The streams whose publisher was let in a moment ago."""
        return list(self._expected)

    async def expect(self, name: str, client: int) -> None:
        """A publisher is let in, and waits for our answer: our reader is there before its first frame."""
        self._expected[name] = self._clock() + COMES_S
        came = self._came[name] = asyncio.Event()
        await self._stream(name).attach()
        self._expected[name] = self._clock() + COMES_S  # what had to end before may have taken its time
        try:
            async with asyncio.timeout(ATTACH_S):
                await came.wait()
        except TimeoutError:
            log.warning("%s: our reader was not there before its first frame", name)
        finally:
            self._came.pop(name, None)

    def reader_came(self, name: str) -> None:
        """Our reader is there."""
        if came := self._came.get(name):
            came.set()

    def open(self, name: str, client: Client, meter: KeyframeMeter) -> PackagedShow:
        """The show of a publish."""
        self._expected.pop(name, None)
        stream = self._stream(name)
        stream.go_on(client)
        return PackagedShow(stream, self._background)

    async def tidy(self, live: Collection[str], stat: Stat) -> None:
        """Streams that were let in and never came leave again; those that are over go."""
        now = self._clock()
        for name in [name for name, until in self._expected.items() if until < now]:
            del self._expected[name]
            if name not in live and (stream := self.streams.get(name)):
                await stream.leave(stream.publish)
        for name in [name for name, stream in self.streams.items() if stream.over and name not in self._expected]:
            self._close(self.streams.pop(name))

    async def close(self) -> None:
        """End every ffmpeg; the timelines are on the shelf."""
        for stream in self.streams.values():
            self._close(stream)
        await self._background.ended()

    def _close(self, stream: PackagedStream) -> None:
        self._background.start(stream.close(), f"the end of {stream.name}")

    def _stream(self, name: str) -> PackagedStream:
        known = self.streams.get(name)
        if known and not (known.over or known.package.state is State.ENDED):
            return known
        if known:
            self._close(known)
        kept = self._around.shelf.read(name)
        saved = kept.timeline if kept else None
        has_ended = known is not None and known.package.state is State.ENDED
        if saved and (has_ended or self._around.now_ms() - saved.end_ms > 1000 * self._around.grace_s):
            saved = saved.ended()
        timeline = Timeline(
            name, self._role, segment_min_ms=self._segment_min_ms, now_ms=self._around.now_ms, saved=saved
        )
        package = Package(Identity(name, self._role, self._epoch), timeline, self._window_ms)
        stream = self.streams[name] = PackagedStream(name, package, self._around, kept)
        return stream
