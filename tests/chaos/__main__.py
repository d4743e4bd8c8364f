"""`python -m tests.chaos [COMMAND]`: long runs that look for what a short test does not; `--help` lists them."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import typer

from panocast.logs import setup_logs
from tests.aws import aws_server
from tests.chaos.failovers import watch_failovers
from tests.chaos.fuzz import fuzz_media
from tests.chaos.kills import Report, kill_workers
from tests.chaos.live import HEAD, KILLS, SCENARIOS, run_scenario
from tests.chaos.soak import soak
from tests.chaos.timeline import simulate
from tests.integration.transcoder.site import Site, cloud_site, cut, directory_site, make_video

app = typer.Typer(add_completion=False, invoke_without_command=True, pretty_exceptions_enable=False)
KILLS_A_ROUND = 10


@app.callback()
def everything(context: typer.Context) -> None:
    """All of them, when none is named."""
    setup_logs()
    if context.invoked_subcommand is None:
        kills()
        fuzz()
        live()
        failovers()
        soak_command()
        timeline()


@app.command()
def kills(number: int = 60, seed: int = 1) -> None:
    """Kill workers at random moments, on SQLite and a folder and on S3 and SQS in turn."""
    with tempfile.TemporaryDirectory(prefix="panocast-chaos-") as folder, aws_server() as aws:
        os.environ.update(aws.environment)
        long = cut(make_video(Path(folder) / "long.mp4", 8, size="320x160"), Path(folder) / "long", 2)
        short = cut(make_video(Path(folder) / "short.mp4", 2, size="320x160"), Path(folder) / "short", 1)
        recordings = [(long, 240), (long, 240), (short, 60), (short[:1], 30)]
        reports: dict[str, list[Report]] = {"SQLite, folder": [], "SQS, S3": []}
        for turn in range(-(-number // KILLS_A_ROUND)):
            root = Path(folder) / f"round-{turn}"
            root.mkdir()
            where = list(reports)[turn % 2]
            site = directory_site(root) if turn % 2 == 0 else cloud_site(root, aws)
            reports[where].append(_round(site, recordings, seed + turn, where))
        for where, found in reports.items():
            moments = sum((report.moments for report in found), Counter[str]())
            typer.echo(
                f"{where}: {sum(r.kills for r in found)} kills, {sum(r.holding for r in found)} of them while jobs ran "
                f"(jobs: {', '.join(f'{count} {moment}' for moment, count in moments.most_common())}); "
                f"{len(found) * len(recordings)} recordings, each published once and whole; "
                f"{sum(r.looks for r in found)} looks of a viewer, none at half an asset"
            )


@app.command()
def fuzz(minutes: float = 8.0, seed: int = 1000) -> None:
    """Upload damaged media: truncated, flipped, spliced."""
    logging.getLogger("transcoder").setLevel(logging.CRITICAL)  # thousands of refusals; crashes are counted below
    report = fuzz_media(minutes * 60, seed, typer.echo)
    refused, given_up = report.refused.total(), report.given_up.total()
    typer.echo(
        f"{report.tried} files tried: {report.done} published whole, {refused} refused, {given_up} given up after a "
        f"second try; {report.looked} more looked at: {report.not_taken.total()} refused"
    )
    for reason, count in (report.refused + report.given_up + report.not_taken).most_common(15):
        typer.echo(f"  {count:5} {reason[:150]}")
    for line in report.wrong:
        typer.echo(line, err=True)
    if report.wrong:
        raise typer.Exit(1)


@app.command()
def live(kills: int = 20, faults: int = 2, only: str = "") -> None:
    """Hurt an origin of a running event again and again: what viewers notice, what the recording lacks; `--only WORD`
    runs those scenarios whose name has it."""
    lines, wrong = [], False
    with tempfile.TemporaryDirectory(prefix="panocast-chaos-") as folder:
        for what in SCENARIOS:
            if only not in what:
                continue
            times = -(-kills // len(KILLS)) if what.startswith("kill") else faults
            figures = asyncio.run(run_scenario(what, times, Path(folder)))
            lines.append(figures.line())
            wrong = wrong or figures.wrong
            for line in (figures.line(), *figures.problems[:10]):
                typer.echo(line)
    typer.echo("\n".join(["", HEAD, *lines]))
    if wrong:
        raise typer.Exit(1)


@app.command()
def failovers(minutes: float = 10.0, number: int = 2) -> None:
    """An event with a few failovers: every refresh of every playlist checked, hls.js in Chromium, and whatever else is
    installed of ffmpeg, VLC and GStreamer."""
    with tempfile.TemporaryDirectory(prefix="panocast-chaos-") as folder:
        lines, wrong = asyncio.run(watch_failovers(Path(folder), seconds=minutes * 60, failovers=number))
    typer.echo("\n".join(lines))
    if wrong:
        raise typer.Exit(1)


@app.command(name="soak")
def soak_command(minutes: float = 30.0, seed: int = 1) -> None:
    """Publishers come and go: memory, descriptors and disk of every service, early and late."""
    with tempfile.TemporaryDirectory(prefix="panocast-chaos-") as folder:
        found = asyncio.run(soak(Path(folder), seconds=minutes * 60, seed=seed))
    for line in found.lines():
        typer.echo(line)


@app.command()
def timeline(minutes: float = 10.0, seed: int = 1) -> None:
    """Two simulated origins in random worlds, from `--seed` on; a broken promise is told with its seed."""
    logging.getLogger("origin").setLevel(logging.CRITICAL)  # thousands of timelines begin
    found = simulate(minutes * 60, seed, typer.echo)
    typer.echo(found.line())
    if found.wrong:
        raise typer.Exit(1)


def _round(site: Site, recordings: list[tuple[list[Path], int]], seed: int, where: str) -> Report:
    begun = time.monotonic()
    report = asyncio.run(kill_workers(site, recordings, KILLS_A_ROUND, seed))
    doing = ", ".join(f"{count} {moment}" for moment, count in report.moments.most_common())
    typer.echo(f"{where}, seed {seed}: {report.kills} kills in {time.monotonic() - begun:.0f} s ({doing})")
    return report


if __name__ == "__main__":
    app()
