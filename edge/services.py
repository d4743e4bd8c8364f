"""The edge as processes: nginx and its agent, siblings under one supervisor."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from edge.addresses import Resolve, address_of
from edge.agent import Agent
from edge.beacons import BeaconLog, Beacons, ViewerMetrics
from edge.config import PLAYER, edge_paths, live_folder, origin_hosts, render_config
from edge.drain import drain
from edge.metrics import EdgeMetrics
from edge.mirrors import Mirrors
from edge.origins import Origins
from edge.page import publish_page, qr_code
from edge.shelf import Shelf
from edge.signing import playback_secret
from panocast import nginx
from panocast.lifecycle import until_stopped
from panocast.process import Command
from panocast.service import Service
from panocast.settings import Settings
from panocast.spot import NoticeKind, notices
from panocast.store import open_store

log = logging.getLogger(__name__)

NAMES_EVERY_S = 5.0


async def render(settings: Settings) -> Path:
    """Write the edge's nginx configuration, checked by nginx itself, and give its path."""
    paths = edge_paths(settings)
    paths.create()
    live_folder(settings).mkdir(parents=True, exist_ok=True)
    secret = playback_secret(settings.state) if settings.edge.signed else None
    paths.config.touch(mode=0o600)  # it may hold the secret
    paths.config.write_text(_config(settings, secret))
    if settings.edge.public_url:
        paths.qr_code.write_bytes(qr_code(settings.edge.public_url))
    publish_page(settings.edge.player or PLAYER, paths.page)
    await nginx.check(paths.config)
    return paths.config


def _config(settings: Settings, secret: str | None, resolve: Resolve = address_of) -> str:
    return render_config(settings, settings.edge.player or PLAYER, playback_secret=secret, resolve=resolve)


async def follow_names(
    settings: Settings, server: Service, resolve: Resolve = address_of, every_s: float = NAMES_EVERY_S
) -> None:
    """Tell nginx, until cancelled, when an origin's name stands for another address."""
    path = edge_paths(settings).config
    secret = playback_secret(settings.state) if settings.edge.signed else None
    known: list[str | None] = []
    while True:
        await asyncio.sleep(every_s)
        now = await asyncio.to_thread(lambda: [resolve(host) for host in origin_hosts(settings.edge)])
        if now == known or not server.pid:
            continue
        known = now
        text = _config(settings, secret, dict(zip(origin_hosts(settings.edge), now, strict=True)).get)
        if text != path.read_text():
            log.info("an origin has another address")
            path.write_text(text)
            os.kill(server.pid, signal.SIGHUP)


async def commands(settings: Settings, *, config: Path | None = None) -> list[Command]:
    """What runs an edge, its nginx configuration freshly written and checked.

    The agent reads the settings again: from `config`, where there is one, and from its environment.
    """
    rendered = await render(settings)
    agent = [sys.executable, "-m", "edge", "agent", "--state", str(settings.state)]
    if config:
        agent += ["--config", str(config)]
    return [nginx.command("edge nginx", rendered), Command("edge agent", agent, dies_by=signal.SIGTERM)]


async def run(settings: Settings, *, config: Path | None = None) -> None:
    """Run an edge until SIGTERM, SIGINT or the notice that its machine is taken away; then drain it: viewers notice
    nothing. A second signal ends it at once."""
    nginx_command, agent_command = await commands(settings, config=config)
    # SIGQUIT: nginx takes nobody in any more, finishes what it sends, and ends.
    server = Service(nginx_command, grace_s=settings.edge.drain_s, stop_by=signal.SIGQUIT, on_stderr=_say)
    agent = Service(agent_command, on_stderr=_say)
    serving, answering = (asyncio.create_task(service.run()) for service in (server, agent))
    following = asyncio.create_task(follow_names(settings, server))
    try:
        await _first(until_stopped(), _taken_away(), serving, answering)
        if not serving.done() and not answering.done():
            await _first(until_stopped(), _finish(settings, serving))
    finally:
        server.kill()
        for task in (following, serving, answering):
            task.cancel()
        results = await asyncio.gather(following, serving, answering, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _finish(settings: Settings, serving: asyncio.Task[None]) -> None:
    """Drain, and let nginx finish; the agent goes on until then, for those who still watch."""
    left_s = await drain(settings.edge)
    serving.cancel()
    await asyncio.wait([serving], timeout=left_s)


async def _taken_away() -> None:
    """Wait for the notice that this machine is taken away; for ever, where there is none."""
    async for notice in notices():
        if notice.kind == NoticeKind.INTERRUPTION:
            log.warning("this machine is taken away at %s", notice.at or "an unknown time")
            return
    await asyncio.Event().wait()


async def _first(*awaited: Coroutine[None, None, None] | asyncio.Task[None]) -> None:
    """Wait until one of these is done, and cancel those that were begun here."""
    begun = [asyncio.ensure_future(one) for one in awaited]
    await asyncio.wait(begun, return_when=asyncio.FIRST_COMPLETED)
    for one, task in zip(awaited, begun, strict=True):
        if one is not task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def make_agent(settings: Settings) -> Agent:
    """The agent as settings say, not running yet."""
    edge = settings.edge
    urls = {"primary": edge.primary} | ({"backup": edge.backup} if edge.backup else {})
    metrics, origins = EdgeMetrics(), Origins(urls)
    mirrors = None
    if edge.live == "mirror":
        folder = live_folder(settings)
        log_file = folder / "watched.log"
        mirrors = Mirrors(origins, Shelf(folder), log_file, metrics, idle_s=edge.idle_s, back_s=edge.back_s)
    egress = None if settings.egress_url.startswith("file://") else open_store(settings.egress_url)
    beacons = None
    if edge.beacons:
        kept = BeaconLog(edge_paths(settings).beacons)
        beacons = Beacons(ViewerMetrics(metrics.registry), kept, directions=edge.viewing_directions)
    return Agent(origins, mirrors, metrics, egress=egress, ready_file=edge.ready_file, beacons=beacons)


async def run_agent(settings: Settings) -> None:
    """Serve the agent on its loopback port until SIGTERM or SIGINT."""
    runner = web.AppRunner(make_agent(settings).app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        # A cold segment that hundreds ask for waits here with all of them.
        await web.TCPSite(runner, "127.0.0.1", settings.edge.agent_port, backlog=4096).start()
        await until_stopped()
    finally:
        await runner.cleanup()
