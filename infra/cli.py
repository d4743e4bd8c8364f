"""The command `panocast`."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

import edge.cli
import origin.cli
from edge.config import PLAYER
from infra.local import demo, doctor, up
from infra.local.plan import Plan, Ports, make_plan
from infra.local.ports import free_ports
from infra.local.welcome import obs_lines, welcome
from panocast.cli import ConfigOption, StateOption, new_app, run_app
from panocast.errors import UsageError
from panocast.keys import load_secret, stream_key
from panocast.ladder import Size
from panocast.layout import check_stream_name
from panocast.process import run
from panocast.settings import load_settings
from panocast.state import open_state, sole_use
from panocast.testcard import Card

app = new_app("panocast", "Live 360° video and video on demand, on one machine or on many.")
app.add_typer(origin.cli.app)
app.add_typer(edge.cli.app)

PortOption = typer.Option(min=1, max=65535)


@app.command(name="up")
def up_command(
    http_port: Annotated[int, PortOption] = 8080,
    rtmp_port: Annotated[int, PortOption] = 1935,
    backup_rtmp_port: Annotated[int, PortOption] = 1936,
    test_source: Annotated[bool, typer.Option(help="Publish the test card as stream `test` to `qa`.")] = False,
    demo: Annotated[bool, typer.Option(help="The test source, and one 30-second event that becomes VOD.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON with every URL when ready.")] = False,
    bind: Annotated[str | None, typer.Option(help="The address for RTMP and HTTP (default: all).")] = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Run the whole platform on this machine until Ctrl-C.

    Example: panocast up --demo
    """
    if len({http_port, rtmp_port, backup_rtmp_port}) < 3:
        raise UsageError(f"the three ports must differ: HTTP {http_port}, RTMP {rtmp_port} and {backup_rtmp_port}")
    ports = Ports(http_port, rtmp_port, backup_rtmp_port, tuple(free_ports(Ports.INNER)))
    plan = make_plan(state, config, ports, bind)
    open_state(plan.settings.state)
    load_secret(plan.settings.secret_path)
    with sole_use(plan.settings.state, "`panocast up`"):
        up.check_machine(plan)
        asyncio.run(_up(plan, up.Extras(test_source=test_source or demo, demo=demo), as_json=as_json))


async def _up(plan: Plan, extras: up.Extras, *, as_json: bool) -> None:
    console = Console(stderr=as_json)
    console.print("starting…")
    async with up.running(plan, extras) as keeper:
        if as_json:
            typer.echo(json.dumps(plan.urls()))
        else:
            console.print(welcome(plan, extras))
        await up.until_done(keeper)
        console.print("stopping…")


@app.command(name="stream-key")
def stream_key_command(name: str, state: StateOption = None, config: ConfigOption = None) -> None:
    """Print what goes into the encoder's stream-key field.

    Example: panocast stream-key my-event
    """
    settings = load_settings(state, config)
    open_state(settings.state)
    key = stream_key(load_secret(settings.secret_path), check_stream_name(name))
    typer.echo(f"{name}?key={key}")
    if sys.stdout.isatty():
        Console(stderr=True).print(obs_lines(_running_url(settings.state, "rtmp", "rtmp://localhost:1935/live"), name))


@app.command(name="test-source")
def publish_test_card(
    url: Annotated[str | None, typer.Argument(metavar="[RTMP_URL]")] = None,
    width: Annotated[int, typer.Option(min=160, max=8192, help="Pixels; the height is half of it.")] = 1920,
    fps: Annotated[int, typer.Option(min=1, max=120)] = 30,
    gop_s: Annotated[float, typer.Option(min=0.1, max=20, help="Seconds from keyframe to keyframe.")] = 2.0,
    duration_s: Annotated[float | None, typer.Option(min=0.1, help="Stop after so many seconds.")] = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Publish the 360° test card; without a URL, to the `qa` application of the `panocast up` that runs here.

    Example: panocast test-source rtmp://localhost/live/$(panocast stream-key cam)
    """
    if url is None:
        settings = load_settings(state, config)
        key = stream_key(load_secret(open_state(settings.state) / "secret"), demo.TEST_NAME)
        url = f"{_running_url(settings.state, 'rtmp_test', 'rtmp://localhost:1935/qa')}/{demo.TEST_NAME}?key={key}"
    if not url.startswith(("rtmp://", "rtmps://")):
        raise UsageError(f"{url[:100]!r} is not an RTMP URL such as rtmp://HOST:1935/live/NAME?key=…")
    card = Card(size=Size(width - width % 4, (width - width % 4) // 2), fps=fps, gop_s=gop_s)
    with suppress(KeyboardInterrupt):
        asyncio.run(run(demo.publish_command(url, card, duration_s)))


def _running_url(state: Path, which: str, otherwise: str) -> str:
    """A URL of the platform that runs on `state`, as it says itself; `otherwise` when none runs."""
    try:
        return str(json.loads((state / "run.json").read_text())["urls"][which])
    except (OSError, ValueError, KeyError):
        return otherwise


@app.command(name="doctor")
def doctor_command(
    http_port: Annotated[int, PortOption] = 8080,
    rtmp_port: Annotated[int, PortOption] = 1935,
    backup_rtmp_port: Annotated[int, PortOption] = 1936,
    state: StateOption = None,
    config: ConfigOption = None,
) -> int:
    """Check what panocast needs of this machine: a line for each, with the mend.

    Example: panocast doctor
    """
    settings = load_settings(state, config)
    ports = [("HTTP", http_port), ("RTMP", rtmp_port), ("RTMP backup", backup_rtmp_port)]
    checks = doctor.checks(settings.state, ports, PLAYER / "vendor")
    console = Console(soft_wrap=True, highlight=False)
    for check in checks:
        colour = {"ok": "green", "warn": "yellow", "fail": "red"}[check.status]
        mend = "" if check.ok or not check.mend else f"  → {check.mend}"
        console.print(f"[{colour}]{check.status:4}[/] {check.name}: {escape(check.detail + mend)}")
    return 0 if all(check.ok or not check.needed for check in checks) else 1


def main() -> None:
    """The console script."""
    sys.exit(run_app(app))


if __name__ == "__main__":
    main()
