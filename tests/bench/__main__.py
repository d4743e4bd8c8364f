"""`python -m tests.bench [NAME]`: a bench prints one table of figures and ends by itself; without a name, all do."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated, Literal

import typer

from panocast.logs import setup_logs
from tests.bench.fleet import bench_simulation, measure_parts
from tests.bench.live_delay import bench_glass, bench_start
from tests.bench.packager import bench_packager
from tests.bench.player import bench_player
from tests.bench.quality import bench_ladder, bench_presets
from tests.bench.reference import bench_reference
from tests.bench.shaka import bench_shaka
from tests.bench.slots import bench_slots
from tests.bench.viewers import bench_viewers
from tests.bench.vod_after_event import bench_vod_after_event
from transcoder.encode import Quality

app = typer.Typer(add_completion=False, invoke_without_command=True, pretty_exceptions_enable=False)

PLOT = Path(__file__).parents[2] / "docs/fleet.svg"
SPOT_PER_CORE_H = 0.02

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]
Media = Annotated[
    Path | None, typer.Option(resolve_path=True, help="A clip to measure on, instead of one of our own making.")
]
Width = Annotated[int, typer.Option(help="How wide the source is made.")]
OnePreset = Annotated[Preset | None, typer.Option(help="x264's preset for every rung, instead of each rung's own.")]
Crf = Annotated[float, typer.Option()]


def show(title: str, bench: Awaitable[list[str]]) -> None:
    """Run one bench and print its lines."""

    async def wait() -> list[str]:
        return await bench

    typer.echo(f"\n{title}")
    for line in asyncio.run(wait()):
        typer.echo(f"  {line}")


@app.callback()
def everything(context: typer.Context) -> None:
    """All of them, when none is named."""
    setup_logs()
    typer.echo(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    if context.invoked_subcommand is None:
        for bench in (
            quality,
            ladder,
            shaka,
            reference,
            slots,
            simulation,
            start,
            packager,
            event,
            glass,
            player,
            viewers,
        ):
            bench()


@app.command()
def ladder(
    seconds: float = 4.0, width: Width = 3840, preset: OnePreset = None, crf: Crf = 23.0, media: Media = None
) -> None:
    """The VOD ladder as it is configured: rates, VMAF and WS-PSNR of each rung."""
    show("VOD ladder", bench_ladder(seconds=seconds, width=width, quality=Quality(preset, crf), media=media))


@app.command()
def quality(seconds: float = 4.0, width: Width = 3840, rungs: str = "3840,1280", media: Media = None) -> None:
    """x264's presets, and the ladder's own effort, at the same rate."""
    widths = [int(rung) for rung in rungs.split(",")]
    show("Quality per bit", bench_presets(seconds=seconds, width=width, widths=widths, media=media))


@app.command()
def shaka(
    seconds: float = 4.0, runs: int = 2, width: Width = 3840, crf: Crf = 23.0, others: str = "", media: Media = None
) -> None:
    """Against shaka-streamer at the same rungs and rates; `--others veryfast,medium` adds ours with those presets."""
    more = [preset for preset in others.split(",") if preset]
    bench = bench_shaka(
        seconds=seconds, runs=runs, width=width, quality=Quality(None, crf, 1), presets=more, media=media
    )
    show("Against shaka-streamer", bench)


@app.command()
def reference(
    seconds: float = 8.0, runs: int = 2, width: Width = 3840, preset: OnePreset = None, crf: Crf = 23.0,
    media: Media = None,
) -> None:  # fmt: skip
    """The VOD ladder against the reference's way."""
    quality = Quality(preset, crf)
    show(
        "Against the reference's way",
        bench_reference(seconds=seconds, runs=runs, width=width, quality=quality, media=media),
    )


@app.command()
def slots(
    parts: int = 4,
    part_s: float = 2.0,
    runs: int = 3,
    width: Width = 3840,
    preset: OnePreset = None,
    media: Media = None,
) -> None:
    """Parts at once and threads for each; memory, first byte, and what cutting costs."""
    quality = Quality(preset, 23.0)
    show(
        "Slots and threads",
        bench_slots(parts=parts, part_s=part_s, width=width, runs=runs, quality=quality, media=media),
    )


@app.command()
def simulation(
    measured: str = "", plot: Path = PLOT, price: float = SPOT_PER_CORE_H, width: Width = 3840, media: Media = None
) -> None:
    """A simulated fleet of 1 to 512 Spot machines; `--measured 7.1,8.2` takes costs of parts from an earlier run."""

    async def bench() -> list[float]:
        return await measure_parts(parts=4, part_s=2.0, width=width, quality=Quality(None, 23.0, 1), media=media)

    costs = [float(text) for text in measured.split(",") if text] or asyncio.run(bench())
    typer.echo("\nSimulation: an hour of 4K on Spot machines")
    for line in bench_simulation(costs, price_per_core_h=price, picture=plot):
        typer.echo(f"  {line}")


@app.command()
def start(runs: int = 5) -> None:
    """From publish to the first playable segment."""
    for gop_s in (1.0, 2.0):
        show("Start of a live stream", bench_start(gop_s=gop_s, runs=runs))


@app.command()
def packager(seconds: float = 30.0) -> None:
    """What the origin's agent takes of the machine for a stream of 25 Mb/s with four rungs."""
    show("The packager", bench_packager(seconds=seconds))


@app.command()
def player(runs: int = 5) -> None:
    """From opening a recording to its first picture; frames while the picture is dragged."""
    show("The player", bench_player(runs=runs))


@app.command()
def glass(minutes: float = 2.0, gop_s: float | None = None) -> None:
    """Glass to glass, with our player's settings of hls.js and with its defaults."""
    for gop in (1.0, 2.0) if gop_s is None else (gop_s,):
        show("Glass to glass", bench_glass(gop_s=gop, seconds=minutes * 60))


@app.command()
def viewers(number: int = 500, seconds: float = 120.0) -> None:
    """Hundreds of viewers of one edge: what they cost the origins, what they wait for; our nginx against plain."""
    show("Viewers", bench_viewers(viewers=number, seconds=seconds))


@app.command()
def event(seconds: float = 120.0) -> None:
    """From the end of an event to its VOD."""
    show("VOD after an event", bench_vod_after_event(event_s=seconds))


if __name__ == "__main__":
    app()
