"""The edge as processes: nginx and its agent, siblings under one supervisor."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from aiohttp import web

from edge.agent import Follower, make_app
from edge.config import edge_paths, render_config
from panocast import nginx
from panocast.lifecycle import until_stopped
from panocast.process import Command
from panocast.settings import Settings
from panocast.store import open_store


async def render(settings: Settings) -> Path:
    """Write the edge's nginx configuration, checked by nginx itself, and give its path."""
    paths = edge_paths(settings)
    paths.create()
    paths.config.write_text(render_config(settings))
    await nginx.check(paths.config)
    return paths.config


async def commands(settings: Settings, *, config: Path | None = None) -> list[Command]:
    """What runs an edge, its nginx configuration freshly written and checked.

    The agent reads the settings again: from `config`, where there is one, and from its environment.
    """
    rendered = await render(settings)
    agent = [sys.executable, "-m", "edge", "agent", "--state", str(settings.state)]
    if config:
        agent += ["--config", str(config)]
    return [nginx.command("edge nginx", rendered), Command("edge agent", agent, dies_by=signal.SIGTERM)]


async def run_agent(settings: Settings) -> None:
    """Serve the agent on its loopback port until SIGTERM or SIGINT."""
    origins = {"primary": settings.edge.primary}
    if settings.edge.backup:
        origins["backup"] = settings.edge.backup
    egress = None if settings.egress_url.startswith("file://") else open_store(settings.egress_url)
    app = make_app(Follower(origins), egress=egress, ready_file=settings.edge.ready_file)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", settings.edge.agent_port).start()
        await until_stopped()
    finally:
        await runner.cleanup()
