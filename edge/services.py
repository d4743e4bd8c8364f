"""The edge as processes: nginx and its agent, siblings under one supervisor."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path

from aiohttp import web

from edge.addresses import Resolve, address_of, remembering
from edge.agent import Agent
from edge.beacons import BeaconLog, Beacons, ViewerMetrics
from edge.config import PLAYER, edge_paths, live_folder, origin_hosts, render_config
from edge.drain import drain
from edge.metrics import EdgeMetrics
from edge.mirrors import Mirrors
from edge.origins import Origins
from edge.page import publish_page, publish_site
from edge.shelf import Shelf
from edge.signing import playback_secret
from panocast import nginx
from panocast.errors import PanocastError
from panocast.lifecycle import say, until_stopped
from panocast.process import Command
from panocast.service import Service
from panocast.settings import Settings
from panocast.spot import NoticeKind, notices
from panocast.store import local_folder, open_store
from panocast.system import allow_many_files

log = logging.getLogger(__name__)

NAMES_EVERY_S = 5.0


async def render(settings: Settings, resolve: Resolve = address_of) -> Path:
    """Write the edge's nginx configuration, checked by nginx itself, and give its path."""
    paths = edge_paths(settings)
    paths.create()
    live_folder(settings).mkdir(parents=True, exist_ok=True)
    secret = playback_secret(settings.state) if settings.edge.signed else None
    _write(paths.config, _config(settings, secret, resolve))
    publish_site(paths, settings.edge)
    publish_page(settings.edge.player or PLAYER, paths.page)
    await nginx.check(paths.config)
    return paths.config


def _config(settings: Settings, secret: str | None, resolve: Resolve) -> str:
    return render_config(settings, settings.edge.player or PLAYER, playback_secret=secret, resolve=resolve)


def _write(config: Path, text: str) -> None:
    """Replace the configuration, whole: a full disk must not leave half of it for the next start."""
    fresh = config.with_suffix(".new")
    fresh.touch(mode=0o600)  # it may hold the secret
    fresh.write_text(text)
    fresh.replace(config)


async def follow_names(
    settings: Settings, server: Service, resolve: Resolve = address_of, every_s: float = NAMES_EVERY_S
) -> None:
    """Tell nginx, until cancelled, when an origin's name stands for another address, or its certificate was renewed.
    Trouble (a full disk, a certificate that is just being replaced) is said, and passes."""
    path = edge_paths(settings).config
    secret = playback_secret(settings.state) if settings.edge.signed else None
    known: dict[str, str | None] = {}
    loaded = _certificate(settings)
    while True:
        await asyncio.sleep(every_s)
        now = await asyncio.to_thread(lambda: {host: resolve(host) for host in origin_hosts(settings.edge)})
        certificate = _certificate(settings)
        if (now, certificate) == (known, loaded) or not server.pid:
            continue
        try:
            text = _config(settings, secret, now.get)
            if text != path.read_text():
                log.info("an origin has another address")
                _write(path, text)
                os.kill(server.pid, signal.SIGHUP)
            elif certificate != loaded:
                log.info("the certificate was renewed")
                os.kill(server.pid, signal.SIGHUP)
            known, loaded = now, certificate
        except (PanocastError, OSError) as error:
            log.warning("nginx cannot be told where the origins are now: %s", error)


def _certificate(settings: Settings) -> list[int]:
    """What changes with the certificate or its key: when their files did, in nanoseconds; 0 for one that is away."""
    files = [file for file in (settings.edge.tls_cert, settings.edge.tls_key) if file]
    return [file.stat().st_mtime_ns if file.exists() else 0 for file in files]


async def commands(settings: Settings, *, config: Path | None = None, resolve: Resolve = address_of) -> list[Command]:
    """What runs an edge, its nginx configuration freshly written and checked.

    The agent reads the settings again: from `config`, where there is one, and from its environment.
    """
    rendered = await render(settings, resolve)
    agent = [sys.executable, "-m", "edge", "agent", "--state", str(settings.state)]
    if config:
        agent += ["--config", str(config)]
    return [nginx.command("edge nginx", rendered), Command("edge agent", agent, dies_by=signal.SIGTERM)]


async def run(settings: Settings, *, config: Path | None = None) -> None:
    """Run an edge until SIGTERM, SIGINT or the notice that its machine is taken away; then drain it: viewers notice
    nothing. A second signal ends it at once."""
    resolve = remembering(address_of)
    nginx_command, agent_command = await commands(settings, config=config, resolve=resolve)
    # SIGQUIT: nginx takes nobody in any more, finishes what it sends, and ends.
    server = Service(nginx_command, grace_s=settings.edge.drain_s, stop_by=signal.SIGQUIT, on_stderr=say)
    agent = Service(agent_command, on_stderr=say)
    serving, answering = (asyncio.create_task(service.run()) for service in (server, agent))
    following = asyncio.create_task(follow_names(settings, server, resolve))
    try:
        await _first(until_stopped(), _taken_away(settings.on_ec2), serving, answering)
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


async def _taken_away(on_ec2: bool) -> None:
    """Wait for the notice that this machine is taken away; for ever, where there is none."""
    async for notice in notices(on_ec2):
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
            await asyncio.wait([task])


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
    egress = None if local_folder(settings.egress_url) else open_store(settings.egress_url, hasty=True)
    beacons = None
    if edge.beacons:
        kept = BeaconLog(edge_paths(settings).beacons)
        beacons = Beacons(ViewerMetrics(metrics.registry), kept, directions=edge.viewing_directions)
    return Agent(origins, mirrors, metrics, egress=egress, ready_file=edge.ready_file, beacons=beacons)


async def run_agent(settings: Settings) -> None:
    """Serve the agent on its loopback port until SIGTERM or SIGINT."""
    allow_many_files()
    runner = web.AppRunner(make_agent(settings).app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        # A cold segment that hundreds ask for waits here with all of them.
        await web.TCPSite(runner, "127.0.0.1", settings.edge.agent_port, backlog=4096).start()
        await until_stopped()
    finally:
        await runner.cleanup()
