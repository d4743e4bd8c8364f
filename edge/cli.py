"""`panocast edge …`: the configuration, and the service as systemd runs it."""

from __future__ import annotations

import asyncio

import typer

from edge import services
from panocast.cli import ConfigOption, StateOption, new_app
from panocast.state import open_settings

app = new_app("edge", "The edge: what viewers talk to.")


@app.command()
def render(state: StateOption = None, config: ConfigOption = None) -> None:
    """Write the edge's nginx configuration, checked with `nginx -t`, and print its path.

    Example: panocast edge render --state /var/lib/panocast
    """
    typer.echo(asyncio.run(services.render(open_settings(state, config))))


@app.command()
def run(state: StateOption = None, config: ConfigOption = None) -> None:
    """Run nginx and the agent until told to stop; then viewers are sent elsewhere, and what is being sent is finished.

    Example: PANOCAST_EDGE__PRIMARY=http://10.0.1.5:8081 panocast edge run --state /var/lib/panocast
    """
    asyncio.run(services.run(open_settings(state, config), config=config))


@app.command(hidden=True)
def agent(state: StateOption = None, config: ConfigOption = None) -> None:
    """The agent alone, as `run` and `panocast up` start it."""
    asyncio.run(services.run_agent(open_settings(state, config)))
