"""`panocast edge …`: the configuration, and the service as systemd runs it."""

from __future__ import annotations

import asyncio

import typer

from edge import services
from panocast.cli import ConfigOption, StateOption, new_app
from panocast.lifecycle import run_until_stopped
from panocast.process import Service
from panocast.settings import Settings, load_settings
from panocast.state import open_state

app = new_app("edge", "The edge: what viewers talk to.")


def _settings(state: StateOption, config: ConfigOption) -> Settings:
    settings = load_settings(state, config)
    open_state(settings.state)
    return settings


@app.command()
def render(state: StateOption = None, config: ConfigOption = None) -> None:
    """Write the edge's nginx configuration, checked with `nginx -t`, and print its path.

    Example: panocast edge render --state /var/lib/panocast
    """
    typer.echo(asyncio.run(services.render(_settings(state, config))))


@app.command()
def run(state: StateOption = None, config: ConfigOption = None) -> None:
    """Run nginx and the agent until told to stop.

    Example: PANOCAST_EDGE__PRIMARY=http://10.0.1.5:8081 panocast edge run --state /var/lib/panocast
    """

    async def main(settings: Settings) -> None:
        await run_until_stopped([Service(command) for command in await services.commands(settings)])

    asyncio.run(main(_settings(state, config)))


@app.command(hidden=True)
def agent(state: StateOption = None, config: ConfigOption = None) -> None:
    """The agent alone, as `run` and `panocast up` start it."""
    asyncio.run(services.run_agent(_settings(state, config)))
