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
from panocast.settings import Settings, load_settings
from panocast.state import open_settings, open_state
from panocast.store import is_key, open_store
from transcoder.jobs import Ignored, parse_message
from transcoder.oneshot import check_target, run_one
from transcoder.scratch import scratch_folder
from transcoder.watch import Watcher
from transcoder.worker import Worker
from transcoder.workplace import Workplace

T = TypeVar("T")
app = new_app("transcoder", "Turns recordings and uploaded files into video on demand.")
dead_app = typer.Typer(help="What failed for good, and trying it again.", invoke_without_command=True)
app.add_typer(dead_app, name="dead")

ConcurrencyOption = Annotated[
    int | None, typer.Option("--concurrency", min=1, max=64, help="Jobs at once (default: the setting, 1).")
]


@app.command(epilog="Example: transcoder worker --state var --concurrency 2")
def worker(
    state: StateOption = None,
    config: ConfigOption = None,
    concurrency: ConcurrencyOption = None,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is left to do.")] = False,
) -> None:
    """Take jobs until told to stop (SIGTERM, Ctrl-C); the current ones are given back at once."""
    settings = _settings(state, config, concurrency)
    open_state(settings.state)
    with scratch_folder(settings.state / "scratch") as scratch:
        asyncio.run(_work(settings, scratch, until_idle))


async def _work(settings: Settings, scratch: Path, until_idle: bool) -> None:
    place = _place(settings, scratch)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    watcher = Watcher(place.ingest, place.queue) if _derives_messages(settings) else None
    runner = Worker(place, stop=stop, until_idle=until_idle, nothing_new=watcher.finds_nothing if watcher else None)
    watching = asyncio.create_task(watcher.run(stop)) if watcher else None
    try:
        await runner.run()
    finally:
        stop.set()
        if watching:
            await watching


def _derives_messages(settings: Settings) -> bool:
    """Whether nobody tells of new objects: a directory has no events, S3 has."""
    return settings.ingest_url.startswith("file:")


def _place(settings: Settings, scratch: Path) -> Workplace:
    return Workplace(
        ingest=open_store(settings.ingest_url),
        egress=open_store(settings.egress_url),
        queue=open_queue(settings.queue_url),
        settings=settings.transcoder,
        scratch=scratch,
    )


def _settings(state: Path | None, config: Path | None, concurrency: int | None = None) -> Settings:
    settings = load_settings(state, config)
    if concurrency is None:
        return settings
    changed = settings.transcoder.model_copy(update={"concurrency": concurrency})
    return settings.model_copy(update={"transcoder": changed})


@app.command(epilog="Example: transcoder run holiday.mp4 holiday-vod")
def run(
    input: Annotated[Path, typer.Argument(metavar="INPUT", help="A video file: MP4, MOV, MKV, WebM, TS or FLV.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="A new or empty folder.")],
    state: StateOption = None,
    config: ConfigOption = None,
    concurrency: ConcurrencyOption = None,
) -> None:
    """Turn one file into VOD here and now, with a progress bar."""
    settings = _settings(state, config, concurrency).transcoder
    check_target(input, output)
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        logging.getLogger("transcoder").setLevel(logging.WARNING)  # the bar says the rest
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(input.name, total=None)

        def show(done_s: float, total_s: float) -> None:
            bar.update(task, completed=done_s, total=total_s or None)

        asset = asyncio.run(_until_cancelled(run_one(input, output, settings, show)))
    typer.echo(f"{output}/master.m3u8: {asset.duration_s:.1f} s, rungs {', '.join(str(r.width) for r in asset.rungs)}")


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
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A video file.")],
    state: StateOption = None,
    config: ConfigOption = None,
) -> None:
    """Put a file in; a worker makes it an asset."""
    settings = _settings(state, config)
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    key = f"{UPLOADS}{uuid.uuid4().hex[:8]}/{file.name}"
    if not is_key(key) or not isinstance(parse_ingest_key(key), UploadKey):
        raise UsageError(f"{file.name[:80]!r} cannot be the name of an upload: rename the file (no dot first)")
    open_state(settings.state)
    open_store(settings.ingest_url).put_file(key, file)
    typer.echo(key)


@app.command(epilog="Example: transcoder jobs")
def jobs(state: StateOption = None, config: ConfigOption = None) -> None:
    """What waits, what runs, what failed for good."""
    settings = open_settings(state, config)
    queue = open_queue(settings.queue_url)
    depth = queue.depth()
    oldest = f", the oldest for {depth.oldest_s:.0f} s" if depth.waiting else ""
    typer.echo(f"{depth.waiting} waiting{oldest}; {depth.held} running; {depth.dead} failed for good")
    for message in queue.held():
        typer.echo(f"running  {_object_of(message.body)}  (since {message.sent:%H:%M:%S} UTC, try {message.receives})")


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
