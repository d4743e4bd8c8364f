"""`panocast origin …`: an origin's configuration, and the origin itself as systemd runs it."""

from __future__ import annotations

import asyncio

import typer

from origin.agent import serving
from origin.nginx import write_config
from origin.services import commands
from panocast.cli import ConfigOption, StateOption, new_app
from panocast.lifecycle import run_until_stopped, until_stopped
from panocast.settings import Settings
from panocast.state import open_settings
from panocast.system import allow_many_files

app = new_app("origin", "The origin: takes streams over RTMP, ladders and records them, serves live HLS to edges.")


@app.command()
def render(state: StateOption = None, config: ConfigOption = None) -> None:
    """Write nginx's configuration and let nginx check it; prints where it is.

    Example: panocast origin render --state /var/lib/panocast
    """
    settings = open_settings(state, config)
    paths = asyncio.run(write_config(settings))
    typer.echo(paths.config)


@app.command()
def run(state: StateOption = None, config: ConfigOption = None) -> None:
    """Run nginx and the agent until SIGTERM or Ctrl-C.

    Example: PANOCAST_ORIGIN__ROLE=backup panocast origin run --state /var/lib/panocast
    """
    settings = open_settings(state, config)

    async def both() -> None:
        await run_until_stopped(await commands(settings, config=config))

    asyncio.run(both())


@app.command(hidden=True)
def agent(state: StateOption = None, config: ConfigOption = None) -> None:
    """Run the agent alone, beside an nginx that somebody else runs."""
    allow_many_files()
    asyncio.run(_agent(open_settings(state, config)))


async def _agent(settings: Settings) -> None:
    async with serving(settings) as running:
        working = asyncio.create_task(running.run())
        stopping = asyncio.create_task(until_stopped())
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        working.cancel()
        await asyncio.wait([working])
        if not working.cancelled():
            working.result()
