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
import infra.aws.cli
import origin.cli
from edge.config import PLAYER
from edge.signing import playback_secret, sign
from infra.local import demo, doctor, up, views
from infra.local.certificate import Files, machine_names, own_certificate
from infra.local.plan import Plan, Ports, make_plan, own_folder
from infra.local.ports import free_ports
from infra.local.qr import qr_text
from infra.local.welcome import obs_lines, welcome
from panocast.cli import ConfigOption, StateOption, new_app, run_app
from panocast.errors import UsageError
from panocast.keys import load_secret, open_keys
from panocast.ladder import Size
from panocast.layout import UPLOADS, check_stream_name
from panocast.process import run
from panocast.settings import load_settings
from panocast.state import open_settings, open_state, sole_use
from panocast.testcard import Card

app = new_app("panocast", "Live 360° video and video on demand, on one machine or on many.")
app.add_typer(origin.cli.app)
app.add_typer(edge.cli.app)
app.add_typer(infra.aws.cli.app)

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
    https: Annotated[bool, typer.Option("--https", help="HTTPS, too, which phones want for their sensors.")] = False,
    https_port: Annotated[int, PortOption] = 8443,
    cert: Annotated[Path | None, typer.Option(help="A certificate (PEM) instead of one of our own.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Run the whole platform on this machine until Ctrl-C.

    Example: panocast up --demo
    """
    if (cert is None) != (key is None):
        raise UsageError("--cert and --key belong together: give both, or neither")
    secure = https or cert is not None
    public = [http_port, rtmp_port, backup_rtmp_port, *([https_port] if secure else [])]
    if len(set(public)) < len(public):
        raise UsageError(f"the public ports must differ; given are {', '.join(map(str, public))}")
    inner = tuple(free_ports(Ports.INNER))
    ports = Ports(http_port, rtmp_port, backup_rtmp_port, inner, https_port if secure else None)
    settings = load_settings(state, config, {"bind": bind} if bind else {})
    folder = open_state(settings.state)
    files = Files(cert.resolve(), key.resolve()) if cert and key else None
    if https and files is None:
        files = own_certificate(own_folder(folder), machine_names(settings.bind))
    plan = make_plan(state, config, ports, bind, files)
    load_secret(plan.settings.secret_path)
    if not plan.settings.ingest:  # the watch folder that the welcome names
        (plan.settings.state / "ingest" / UPLOADS).mkdir(parents=True, exist_ok=True)
    with sole_use(plan.settings.state, "`panocast up`"):
        up.check_machine(plan)
        asyncio.run(_up(plan, up.Extras(test_source=test_source or demo, demo=demo), as_json=as_json))


async def _up(plan: Plan, extras: up.Extras, *, as_json: bool) -> None:
    console = Console(stderr=as_json)

    def moved(url: str) -> None:
        if not as_json:
            console.print(qr_text(url))

    console.print("starting…")
    async with up.running(plan, extras, moved) as keeper:
        if as_json:
            typer.echo(json.dumps(plan.urls()))
        else:
            console.print(welcome(plan, extras))
        await up.until_done(keeper)
        console.print("stopping…")


@app.command(name="stream-key")
def stream_key_command(
    name: str,
    renew: Annotated[bool, typer.Option("--renew", help="A new key; the old one opens nothing from now on.")] = False,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Print what goes into the encoder's stream-key field.

    Example: panocast stream-key my-event
    """
    settings = load_settings(state, config)
    open_state(settings.state)
    keys, name = open_keys(settings), check_stream_name(name)
    typer.echo(f"{name}?key={keys.renew(name) if renew else keys.key(name)}")
    if sys.stdout.isatty():
        Console(stderr=True).print(obs_lines(_running_url(settings.state, "rtmp", "rtmp://localhost:1935/live"), name))


@app.command(name="sign")
def sign_command(
    url: str,
    hours: Annotated[float, typer.Option(min=0.01, max=8784, help="How long it plays: longer than the event.")] = 12,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Print the URL of a live stream or an asset, signed: with `edge.signed`, only such URLs play, until they expire.

    Example: panocast sign https://video.example.org/hls/my-event.m3u8
    """
    settings = load_settings(state, config)
    open_state(settings.state)
    typer.echo(sign(url, playback_secret(settings.state), valid_s=hours * 3600))


@app.command(name="views")
def views_command(
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="NAME/SESSION, as /vod/catalog.json names it.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Default: NAME-SESSION-views.png.")] = None,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Draw where the viewers of an asset looked over its poster, as players told this edge (edge.viewing_directions).

    Example: panocast views my-event/20261120T084641Z-primary -o views.png
    """
    settings = open_settings(state, config)
    output = output or Path(f"{asset.replace('/', '-')}-views.png")
    seconds = views.write_map(settings, asset, output)
    typer.echo(f"{output}: where viewers looked in {seconds / 60:.1f} minutes of watching")


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
        open_state(settings.state)
        key = open_keys(settings).key(demo.TEST_NAME)
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
