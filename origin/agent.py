"""The origin's agent: answers nginx's hooks, and keeps ladders, playlists and recordings as they should be.

It may be killed and started at any moment: everything it does follows from what nginx says and what is on the disk.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from origin.admission import parse_play
from origin.doorkeeper import Doorkeeper
from origin.journal import Journal
from origin.loopback.folders import Loopback
from origin.loopback.show import LoopbackPackager
from origin.packager.metrics import LiveCollector
from origin.packager.packager import OwnPackager
from origin.packager.serve import Site
from origin.packager.shelf import Shelf
from origin.packager.stream import Surroundings
from origin.part import WORK_SUFFIX
from origin.paths import OriginPaths, origin_paths
from origin.push import Push, asking, push_argv
from origin.recorded import newest_recording
from origin.recorder import Recorder
from origin.recordings import Recordings
from origin.refusals import Refusals
from origin.report import live_report, sphere_of
from origin.rtmp_server import RtmpServer
from origin.show import Packager
from origin.streams import Streams, watch
from origin.valve import Valve
from panocast.errors import RefusedError, TemporaryError, UsageError
from panocast.follow import follow_feed
from panocast.keys import StreamKeys, open_keys
from panocast.sandbox import sandboxed
from panocast.settings import Settings, StreamSettings
from panocast.spot import notices
from panocast.store import open_store

log = logging.getLogger(__name__)


def wall_ms() -> int:
    """The wall clock."""
    return round(time.time() * 1000)


class Agent:
    """The hooks as HTTP handlers, and what they wake. `now_ms` is the clock that live streams are dated by."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession, now_ms: Callable[[], int] = wall_ms) -> None:
        origin = settings.origin
        paths = origin_paths(settings.state, origin.role)
        paths.make()
        for half_done in paths.tmp.glob("*.mp4"):
            half_done.unlink()
        for half_done in paths.tmp.glob(f"*{WORK_SUFFIX}"):
            shutil.rmtree(half_done)
        keys = open_keys(settings)
        journal = Journal(paths.sessions, origin.role, origin.grace_s)
        self._settings = settings
        self._refusals = Refusals()
        self._server = RtmpServer(session, origin.stat_port)
        self._registry = CollectorRegistry()
        self._site: Site | None = None
        self._source_url = f"rtmp://127.0.0.1:{origin.show_port}/live/{{}}".format
        self._packager = self._open_packager(settings, paths, keys.secret, session, now_ms)
        self._door = Doorkeeper(keys, self._server, journal, self._refusals, paths.recordings)
        self._streams = Streams(
            self._server,
            journal,
            self._packager,
            lambda name: newest_recording(paths.recordings, name),
            self._refusals,
            paths.testhls,
            self._open_push(settings, keys, session),
        )
        sandboxed(origin.fence)  # says what is wrong with it before there is a recording
        recorder = Recorder(
            paths, open_store(settings.ingest_url), journal, origin.role, settings.streams, fence=origin.fence
        )
        self._recordings = Recordings(
            recorder,
            paths.recordings,
            Valve(paths, self._server, origin.disk_full_mb << 20),
            self._server.stat,
            self._server.stat_of_last,
            disk_low_bytes=origin.disk_low_mb << 20,
        )
        self._recordings.register(self._registry)
        self._wake_streams = asyncio.Event()

    def _open_packager(
        self,
        settings: Settings,
        paths: OriginPaths,
        secret: bytes,
        session: aiohttp.ClientSession,
        now_ms: Callable[[], int],
    ) -> Packager:
        origin, server = settings.origin, self._server

        if origin.packager == "nginx-rtmp":
            return LoopbackPackager(self._source_url, Loopback(paths, origin.show_port, secret))
        around = Surroundings(
            source_url=self._source_url,
            ask=server.stat,
            drop_readers=lambda name: server.drop_readers("live", name),
            shelf=Shelf(paths.timelines),
            sphere=lambda name, size: sphere_of(settings.streams.get(name, StreamSettings()), size),
            follow_peer=partial(follow_feed, session, origin.peer, who="the other origin") if origin.peer else None,
            grace_s=origin.grace_s,
            now_ms=now_ms,
        )
        packager = OwnPackager(origin.role, origin.segment_min_s, origin.window_s, around)
        self._site = Site(packager)
        self._registry.register(LiveCollector(packager.streams))
        return packager

    def _open_push(self, settings: Settings, keys: StreamKeys, session: aiohttp.ClientSession) -> Push | None:
        origin = settings.origin
        if origin.push_to is None or origin.role != "primary":
            return None

        def argv_of(name: str) -> list[str]:
            return push_argv(self._source_url(name), f"{origin.push_to}/{name}?key={keys.key(name)}&push=1")

        return Push(argv_of, asking(session, origin.peer))

    def routes(self) -> list[web.RouteDef]:
        """What nginx calls, and what the library asks."""
        return [
            web.post("/hooks/publish", self._publish),
            web.post("/hooks/publish_done", self._publish_done),
            web.post("/hooks/record_done", self._wake),
            web.post("/hooks/play", self._play),
            web.get("/live.json", self._live),
            web.get("/metrics", self._metrics),
            *(self._site.routes() if self._site else []),
        ]

    async def run(self) -> None:
        """Work until cancelled; then every ladder is ended, and what is recorded is stored."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(watch(self._server, self._streams, self._wake_streams))
                group.create_task(self._recordings.run())
                group.create_task(self._recordings.guard())
                group.create_task(self._recordings.heed(notices(self._settings.on_ec2)))
        finally:
            # Whatever ending a ladder fails with, what is recorded is stored first.
            ends = await asyncio.gather(self._recordings.flush(), self._streams.stop(), return_exceptions=True)
            for error in ends:
                if error:
                    raise error

    async def _publish(self, request: web.Request) -> web.Response:
        try:
            publish = await self._door.admit(await request.read())
        except RefusedError:
            return web.Response(status=403)
        except (TemporaryError, OSError) as error:
            log.warning("a publisher is refused for now: %s", error)
            return web.Response(status=503)
        self._wake_streams.set()
        await self._streams.expect(publish.app, publish.name, publish.client)
        return web.Response()

    async def _play(self, request: web.Request) -> web.Response:
        name = parse_play(await request.read())
        if name is None:
            return web.Response(status=403)
        self._packager.reader_came(name)
        return web.Response()

    async def _publish_done(self, request: web.Request) -> web.Response:
        self._door.release(await request.read())
        return await self._wake(request)

    async def _wake(self, request: web.Request) -> web.Response:
        self._wake_streams.set()
        self._recordings.woken.set()
        return web.Response()

    async def _metrics(self, request: web.Request) -> web.Response:
        text = generate_latest(self._registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _live(self, request: web.Request) -> web.Response:
        report = live_report(
            self._settings.origin.role,
            self._streams.live,
            self._streams.tests,
            self._packager.expected,
            self._refusals.latest(),
            self._settings.streams,
            self._recordings.warnings(),
        )
        return web.json_response(report)


@asynccontextmanager
async def serving(settings: Settings, now_ms: Callable[[], int] = wall_ms) -> AsyncIterator[Agent]:
    """An agent that answers on its port, on loopback only. Raises UsageError when the port is taken."""
    async with aiohttp.ClientSession() as session:
        agent = Agent(settings, session, now_ms)
        app = web.Application(client_max_size=64 * 1024)
        app.add_routes(agent.routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        port = settings.origin.agent_port
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            await runner.cleanup()
            raise UsageError(f"the origin agent cannot listen on port {port}: {error.strerror}") from error
        try:
            yield agent
        finally:
            await runner.cleanup()
