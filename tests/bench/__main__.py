"""`python -m tests.bench [all|vod|start|glass|event]`: prints one table of figures and ends by itself."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from panocast.logs import setup_logs
from tests.bench.live_delay import bench_glass, bench_start
from tests.bench.vod_after_event import bench_vod_after_event
from tests.bench.vod_ladder import bench_vod_ladder

app = typer.Typer(add_completion=False, invoke_without_command=True, pretty_exceptions_enable=False)


def show(title: str, bench: Coroutine[Any, Any, list[str]]) -> None:
    """Run one bench and print its lines."""
    typer.echo(f"\n{title}")
    for line in asyncio.run(bench):
        typer.echo(f"  {line}")


@app.callback()
def everything(context: typer.Context) -> None:
    """All of them, when none is named."""
    setup_logs()
    typer.echo(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    if context.invoked_subcommand is None:
        vod()
        start()
        event()
        glass()


@app.command()
def vod(
    seconds: float = 8.0, runs: int = 3, width: int = 3840, media: Annotated[Path | None, typer.Option()] = None
) -> None:
    """The VOD ladder against the reference's way."""
    show("VOD ladder", bench_vod_ladder(seconds=seconds, runs=runs, width=width, media=media))


@app.command()
def start(runs: int = 5) -> None:
    """From publish to the first playable segment."""
    for gop_s in (1.0, 2.0):
        show("Start of a live stream", bench_start(gop_s=gop_s, runs=runs))


@app.command()
def glass(minutes: float = 2.0, gop_s: float | None = None) -> None:
    """Glass to glass."""
    for gop in (1.0, 2.0) if gop_s is None else (gop_s,):
        show("Glass to glass", bench_glass(gop_s=gop, seconds=minutes * 60))


@app.command()
def event(seconds: float = 120.0) -> None:
    """From the end of an event to its VOD."""
    show("VOD after an event", bench_vod_after_event(event_s=seconds))


if __name__ == "__main__":
    app()
