"""What `panocast up` says once it runs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.local.plan import Plan
from infra.local.qr import qr_text
from infra.local.up import Extras


def welcome(plan: Plan, extras: Extras) -> RenderableType:
    """The URLs, what to type into OBS, and where the logs are; never a key."""
    urls = plan.urls()
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("Watch", str(urls["player"]))
    public = plan.public_url()
    if public:
        table.add_row("", f"{public}  (other devices on your network, or the code below)")
    if urls.get("player_https", public) != public:
        table.add_row("", f"{urls['player_https']}")
    table.add_row("", _about_https(plan))
    if extras.test_source:
        table.add_row("Test picture", f"{urls['player']}?url=/testhls/test.m3u8")
    if extras.demo:
        table.add_row("Demo", "a 30-second event is live as `demo`; a minute later it is on demand")
    table.add_row("", "")
    table.add_row("OBS", "Settings → Stream → Service: Custom…")
    elsewhere = "  (from other devices: this machine's address)" if "localhost" in str(urls["rtmp"]) else ""
    table.add_row("  Server", f"{urls['rtmp']}{elsewhere}")
    table.add_row("  Stream key", f"what this prints: {_program()} stream-key NAME{_state_option(plan)}")
    table.add_row("  Keyframes", "Settings → Output → Keyframe interval: 2 s")
    table.add_row("Backup", f"{urls['rtmp_backup']}  (the same key; optional)")
    table.add_row("", "")
    table.add_row("Uploads", f"a video put into {plan.settings.state}/ingest/uploads/ becomes video on demand")
    table.add_row("Logs", f"{plan.settings.state}/log/")
    panel = Panel(table, title="panocast is running", expand=False)
    shown = plan.edge.settings.edge.public_url
    return Group(panel, *([qr_text(shown)] if shown else []), Text("Ctrl-C stops everything."))


def _about_https(plan: Plan) -> str:
    if plan.ports.https is None:
        return "A phone's motion sensors and headsets need HTTPS: start with --https"
    if plan.own_certificate:
        return (
            "The certificate is this machine's own, so each browser warns once: “Advanced”, then “Proceed”. It keeps "
            "listeners out, but proves nothing about who answers; for that, give --cert and --key"
        )
    return "HTTPS with the certificate of --cert: open it by a name that the certificate is for"


def _program() -> str:
    """How this program was called: by its name where the PATH leads to it, else by its path."""
    called = Path(sys.argv[0])
    return called.name if shutil.which(called.name) else str(called)


def _state_option(plan: Plan) -> str:
    state = plan.settings.state
    return "" if state.name == "var" else f" --state {state}"


def obs_lines(rtmp_url: str, name: str) -> str:
    """What to type into OBS for one stream, beside its key."""
    return (
        f"OBS: Settings → Stream → Custom…, Server {rtmp_url}, Stream Key as printed above; "
        f"Output → Keyframe interval 2 s. Then it is live as {name}."
    )
