"""An origin as an edge sees one: live.json, feeds and files, without nginx, ffmpeg or a camera. It does as it is told:
freezes, lies, is slow, loses rungs, dies; and it counts what it is asked."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web

from panocast.feed import Feed, FeedRung, FeedSegment, RungFile, State
from tests.ports import free_port

NAME = "cam"
WIDTHS = (640, 320)
ZERO_MS = 1_790_000_000_000


@dataclass(slots=True)
class Program:
    """What is broadcast, on one timeline: the same segments for every origin that carries it."""

    timeline: str = "aaaaaaaa"
    number: int = 100
    duration_ms: int = 300
    seams: int = 0
    _date_ms: int = ZERO_MS

    def next(self, *, discontinuity: bool = False) -> FeedSegment:
        """The next segment, without files."""
        self.seams += discontinuity
        segment = FeedSegment(
            timeline=self.timeline,
            number=self.number,
            date_ms=self._date_ms,
            duration_ms=self.duration_ms,
            discontinuity=discontinuity,
            discontinuity_sequence=self.seams,
        )
        self.number += 1
        self._date_ms += self.duration_ms
        return segment


SEGMENT_BYTES = 20_000


def content(width: int, name: str, size: int = SEGMENT_BYTES) -> bytes:
    """What a segment holds; the same on every origin."""
    return hashlib.sha256(f"{width}/{name}".encode()).digest() * (size // 32)


def init_of(width: int) -> tuple[str, bytes]:
    """The name and the content of a rung's init segment."""
    data = f"init of {width}".encode()
    return f"init-{hashlib.sha256(data).hexdigest()[:12]}.mp4", data


@dataclass
class FakeOrigin:
    """Serves `segments` of one stream. `short`: its segments are cut off; `deaf`: it gets no more of them; `halting`:
    its list comes in two pieces; `bytes_per_s`: how fast it sends; `size`: how many bytes a segment has; `files`:
    anything else, by path; `sending`: the files that it sends slowly now."""

    role: str
    name: str = NAME
    segments: list[FeedSegment] = field(default_factory=list)
    widths: tuple[int, ...] = WIDTHS
    state: State = State.LIVE
    publishing: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    short: bool = False
    deaf: bool = False
    halting: bool = False
    bytes_per_s: float | None = None
    size: int = SEGMENT_BYTES
    window: int = 20
    version: int = 0
    port: int = field(default_factory=free_port)
    sending: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.epoch = f"{self.role}{time.time_ns()}"
        self._news = asyncio.Event()
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._stack = AsyncExitStack()

    # ---- what happens

    def freeze(self) -> None:
        """Take connections, and answer nothing any more."""
        self._thawed.clear()

    def thaw(self) -> None:
        """Answer again, also what was asked meanwhile."""
        self._thawed.set()

    def announce(self, segment: FeedSegment, widths: Sequence[int] | None = None) -> None:
        """Have a segment with these rungs; one that is there already gets more rungs."""
        if self.deaf:
            return
        sizes = {w: len(content(w, segment.name, self.size)) for w in widths or self.widths}
        files = {w: RungFile(init=init_of(w)[0], size=size) for w, size in sizes.items()}
        known = next((s for s in self.segments if s.name == segment.name), None)
        if known is None:
            self.segments.append(segment.model_copy(update={"rungs": files}))
            del self.segments[: -self.window]
        else:
            self.segments[self.segments.index(known)] = known.model_copy(update={"rungs": {**known.rungs, **files}})
        self.publishing.add(self.name)
        self.changed()

    def changed(self) -> None:
        """There is news."""
        self.version += 1
        self._news.set()
        self._news = asyncio.Event()

    @property
    def feed(self) -> Feed:
        """What it tells."""
        return Feed(
            name=self.name,
            role=self.role,
            epoch=self.epoch,
            version=self.version,
            state=self.state,
            now_ms=int(time.time() * 1000),
            timeline=self.segments[-1].timeline if self.segments else "",
            target_duration_s=1,
            rungs=tuple(
                FeedRung(width=w, height=w // 2, frame_rate=30, codecs="avc1.640028", bandwidth_bps=w * 1000)
                for w in self.widths
            ),
            segments=tuple(self.segments),
        )

    # ---- how it serves

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Serve, on one port in all its lives."""
        runner = web.ServerRunner(web.Server(self._answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True).start()
        self._stack = AsyncExitStack()

        async def stop() -> None:
            await runner.shutdown()
            await runner.cleanup()

        self._stack.push_async_callback(stop)

    async def die(self) -> None:
        """End at once, with every connection."""
        self._news.set()
        self._thawed.set()
        await self._stack.aclose()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeOrigin]:
        await self.start()
        try:
            yield self
        finally:
            await self.die()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked[request.path] += 1
        await self._thawed.wait()
        if request.path == "/live.json":
            live = [{"name": self.name, "url": f"/hls/{self.name}.m3u8", "since": "s", "origin": self.role}]
            told = {
                "live": live if self.segments or self.files else [],
                "refused": [],
                "publishing": sorted(self.publishing),
            }
            return await self._list(request, json.dumps(told).encode())
        if request.path == f"/feed/{self.name}":
            return await self._feed(request.query.get("after"))
        if request.path in self.files:
            headers = {"X-Origin": self.role, "Cache-Control": "max-age=1"}
            return web.Response(body=self.files[request.path], headers=headers)
        body = self._file(request.path.removeprefix("/hls/"))
        headers = {"X-Origin": self.role, "Cache-Control": "no-store"}
        if body is None:
            return web.Response(status=404, headers=headers)
        if self.bytes_per_s is None:
            return web.Response(body=body)
        response = web.StreamResponse()
        response.content_length = len(body)
        await response.prepare(request)
        self.sending.add(request.path)
        try:
            for start in range(0, len(body), 1000):
                await response.write(body[start : start + 1000])
                await asyncio.sleep(1000 / self.bytes_per_s)
        finally:
            self.sending.discard(request.path)
        return response

    async def _list(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(body[:10])
        if self.halting:
            await asyncio.sleep(0.1)
        await response.write(body[10:])
        return response

    async def _feed(self, after: str | None) -> web.Response:
        if self.name not in self.publishing:
            return web.Response(status=404)
        if after == self.feed.cursor:
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await self._news.wait()
            await self._thawed.wait()
        return web.Response(text=self.feed.model_dump_json(), content_type="application/json")

    def _file(self, path: str) -> bytes | None:
        for width in self.widths:
            folder = f"{self.name}_{width}/"
            init, data = init_of(width)
            if path == folder + init:
                return data
            for segment in self.segments:
                if path == folder + segment.name and width in segment.rungs:
                    whole = content(width, segment.name, self.size)
                    return whole[:1000] if self.short else whole
        return None


async def broadcast(program: Program, origins: Iterable[FakeOrigin], *, every_s: float | None = None) -> None:
    """Announce segment after segment to origins at once, at the pace of the program, until cancelled."""
    while True:
        segment = program.next()
        for origin in origins:
            origin.announce(segment)
        await asyncio.sleep(every_s if every_s is not None else program.duration_ms / 1000)
