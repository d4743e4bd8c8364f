"""The origin's agent: answers nginx's hooks, and keeps ladders, playlists and recordings as they should be.

It may be killed and started at any moment: everything it does follows from what nginx says and what is on the disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from origin.doorkeeper import Doorkeeper
from origin.journal import Journal
from origin.live import Places
from origin.paths import origin_paths
from origin.recorded import newest_recording
from origin.recorder import Recorder, record
from origin.refusals import Refusals
from origin.report import live_report
from origin.rtmp_server import RtmpServer
from origin.show import Show
from origin.streams import Streams, watch
from panocast.errors import RefusedError, TemporaryError, UsageError
from panocast.keys import load_secret
from panocast.settings import Settings
from panocast.store import open_store

log = logging.getLogger(__name__)


class Agent:
    """The hooks as HTTP handlers, and what they wake."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        origin = settings.origin
        paths = origin_paths(settings.state, origin.role)
        paths.make()
        for half_done in paths.tmp.glob("*.mp4"):
            half_done.unlink()
        secret = load_secret(settings.secret_path)
        journal = Journal(paths.sessions, origin.role)
        places = Places(
            source_url=lambda name: f"rtmp://127.0.0.1:{origin.rtmp_port}/live/{name}",
            show=Show(paths, origin.show_port, secret),
            newest_recording=lambda name: newest_recording(paths.recordings, name),
        )
        self._settings = settings
        self._refusals = Refusals()
        self._server = RtmpServer(session, origin.stat_port)
        self._door = Doorkeeper(secret, self._server, journal, self._refusals, paths.recordings)
        self._streams = Streams(self._server, journal, places, self._refusals, paths.testhls)
        self._recorder = Recorder(paths, open_store(settings.ingest_url), journal, origin.role, settings.streams)
        self._wake_streams = asyncio.Event()
        self._wake_recorder = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        """What nginx calls, and what the library asks."""
        return [
            web.post("/hooks/publish", self._publish),
            web.post("/hooks/publish_done", self._publish_done),
            web.post("/hooks/record_done", self._wake),
            web.get("/live.json", self._live),
        ]

    async def run(self) -> None:
        """Work until cancelled; then every ladder is ended, and what is recorded waits for the next start."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(watch(self._server, self._streams, self._wake_streams))
                group.create_task(record(self._recorder, self._server.stat, self._wake_recorder))
        finally:
            await self._streams.stop()

    async def _publish(self, request: web.Request) -> web.Response:
        try:
            await self._door.admit(await request.read())
        except RefusedError:
            return web.Response(status=403)
        except (TemporaryError, OSError) as error:
            log.warning("a publisher is refused for now: %s", error)
            return web.Response(status=503)
        self._streams.expect()
        self._wake_streams.set()
        return web.Response()

    async def _publish_done(self, request: web.Request) -> web.Response:
        self._door.release(await request.read())
        return await self._wake(request)

    async def _wake(self, request: web.Request) -> web.Response:
        self._wake_streams.set()
        self._wake_recorder.set()
        return web.Response()

    async def _live(self, request: web.Request) -> web.Response:
        report = live_report(
            self._settings.origin.role,
            self._streams.live,
            self._streams.tests,
            self._refusals.latest(),
            self._settings.streams,
        )
        return web.json_response(report)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Agent]:
    """An agent that answers on its port, on loopback only. Raises UsageError when the port is taken."""
    async with aiohttp.ClientSession() as session:
        agent = Agent(settings, session)
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
