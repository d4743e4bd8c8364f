"""The command `transcoder`: a worker, one file here and now, and what there is to see and to mend."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import uuid
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from panocast.cli import ConfigOption, StateOption, new_app, run_app
from panocast.errors import UsageError
from panocast.layout import UPLOADS, UploadKey, parse_ingest_key
from panocast.queue import open_queue
from panocast.sandbox import sandboxed
from panocast.settings import Settings, load_settings
from panocast.state import open_settings, open_state
from panocast.store import is_key, open_store
from transcoder.ends import open_source, open_target
from transcoder.jobs import Ignored, job_for, parse_message
from transcoder.missing import missing_keys, unfinished
from transcoder.oneshot import run_one
from transcoder.scratch import scratch_folder

T = TypeVar("T")
app = new_app("transcoder", "Turns recordings and uploaded files into video on demand.")
dead_app = typer.Typer(help="What failed for good, and trying it again.", invoke_without_command=True)
app.add_typer(dead_app, name="dead")

ConcurrencyOption = Annotated[
    int | None,
    typer.Option(
        "--concurrency", min=1, max=64, help="Jobs at once (default: one for each core, as far as the memory goes)."
    ),
]


@app.command(epilog="Example: transcoder worker --state var --concurrency 2")
def worker(
    state: StateOption = None,
    config: ConfigOption = None,
    concurrency: ConcurrencyOption = None,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is left to do.")] = False,
) -> None:
    """Take jobs until told to stop (SIGTERM, Ctrl-C); the current ones are given back at once."""
    # Here: it brings an HTTP client along, a quarter of the time that any other command takes to start.
    from transcoder.service import serve

    settings = _settings(state, config, concurrency)
    open_state(settings.state)
    sandboxed(settings.transcoder.fence)  # says what is wrong with it before there is work
    with scratch_folder(settings.state / "scratch") as scratch:
        asyncio.run(serve(settings, scratch, until_idle=until_idle))


def _settings(state: Path | None, config: Path | None, concurrency: int | None = None) -> Settings:
    settings = load_settings(state, config)
    if concurrency is None:
        return settings
    changed = settings.transcoder.model_copy(update={"concurrency": concurrency})
    return settings.model_copy(update={"transcoder": changed})


@app.command(epilog="Example: transcoder run holiday.mp4 holiday-vod")
def run(
    input: Annotated[
        str, typer.Argument(metavar="INPUT", help="A video file (MP4, MOV, MKV, WebM, TS or FLV), or s3://bucket/key.")
    ],
    output: Annotated[str, typer.Argument(metavar="OUTPUT_DIR", help="A new or empty folder, or s3://bucket/prefix.")],
    state: StateOption = None,
    config: ConfigOption = None,
    concurrency: ConcurrencyOption = None,
) -> None:
    """Turn one file into VOD here and now, with a progress bar; needs no queue. Exit code 75: worth another try."""
    settings = _settings(state, config, concurrency).transcoder
    source, target = open_source(input), open_target(output)
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        logging.getLogger("transcoder").setLevel(logging.WARNING)  # the bar says the rest
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(source.name, total=None)

        def show(done_s: float, total_s: float) -> None:
            bar.update(task, completed=done_s, total=total_s or None)

        asset = asyncio.run(_until_cancelled(run_one(source, target, settings, show)))
    rungs = ", ".join(str(rung.width) for rung in asset.rungs)
    typer.echo(f"{output.rstrip('/')}/master.m3u8: {asset.duration_s:.1f} s, rungs {rungs}")


async def _until_cancelled(work: Coroutine[Any, Any, T]) -> T:
    """SIGTERM ends it as Ctrl-C does: cancelled, with everything cleared up."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


@app.command(epilog="Example: transcoder submit holiday.mp4")
def submit(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A video file.")] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="No file: everything in the ingest store that nobody has finished.")
    ] = False,
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Put a file in; a worker makes it an asset. With --missing, after a queue was purged: ask for what is left."""
    settings = _settings(state, config)
    if missing == (file is not None):
        raise UsageError("name a FILE, or say --missing")
    if file is None:
        _submit_missing(settings)
        return
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    key = f"{UPLOADS}{uuid.uuid4().hex[:8]}/{file.name}"
    if not is_key(key) or not isinstance(parse_ingest_key(key), UploadKey):
        raise UsageError(f"{file.name[:80]!r} cannot be the name of an upload: rename the file (no dot first)")
    open_state(settings.state)
    open_store(settings.ingest_url).put_file(key, file)
    typer.echo(key)


def _submit_missing(settings: Settings) -> None:
    open_state(settings.state)
    queue = open_queue(settings.queue_url)
    keys = missing_keys(open_store(settings.ingest_url), open_store(settings.egress_url))
    for key in keys:
        job = job_for(key)
        assert not isinstance(job, Ignored)
        queue.send(job.body())
        typer.echo(key)
    typer.echo(f"{len(keys)} jobs submitted", err=True)


@app.command(epilog="Example: transcoder jobs")
def jobs(state: StateOption = None, config: ConfigOption = None) -> None:
    """What waits, what runs, what failed for good, and which recordings are not finished."""
    settings = open_settings(state, config)
    queue = open_queue(settings.queue_url)
    depth = queue.depth()
    oldest = f", the oldest for {depth.oldest_s:.0f} s" if depth.waiting and depth.oldest_s is not None else ""
    typer.echo(f"{depth.waiting} waiting{oldest}; {depth.held} running; {depth.dead} failed for good")
    for message in queue.held():
        typer.echo(f"running  {_object_of(message.body)}  (since {message.sent:%H:%M:%S} UTC, try {message.receives})")
    for state_of in unfinished(open_store(settings.ingest_url), open_store(settings.egress_url)):
        typer.echo(f"unfinished  {state_of.in_words()}")


@dead_app.callback(epilog="Example: transcoder dead")
def dead(context: typer.Context, state: StateOption = None, config: ConfigOption = None) -> None:
    """What failed for good, and why; `transcoder dead retry ID` tries one again."""
    if context.invoked_subcommand:
        return
    settings = open_settings(state, config)
    found = open_queue(settings.queue_url).dead()
    if not found:
        typer.echo("nothing failed for good")
        return
    table = Table("ID", "when (UTC)", "what", "why", box=None)
    for message in found:
        table.add_row(message.id, f"{message.at:%Y-%m-%d %H:%M}", _object_of(message.body), message.reason)
    Console(file=sys.stdout).print(table)


@dead_app.command(epilog="Example: transcoder dead retry 17")
def retry(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `transcoder dead` lists it.")],
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Try a failed job again."""
    settings = open_settings(state, config)
    open_queue(settings.queue_url).retry_dead(id)
    typer.echo(f"{id} waits for a worker again")


def _object_of(body: str) -> str:
    """What a message is about, for people."""
    found = parse_message(body)
    return found.reason if isinstance(found, Ignored) else ", ".join(job.key for job in found)


def main() -> int:
    """The entry point of `transcoder`."""
    return run_app(app)


if __name__ == "__main__":
    sys.exit(main())
