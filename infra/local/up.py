"""`panocast up`: the whole platform on this machine under one supervisor."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from logging.handlers import RotatingFileHandler
from pathlib import Path
from signal import SIGTERM

import aiohttp

import edge.services
import origin.services
from edge.config import edge_paths
from infra.local import demo, health
from infra.local.address import follow_address
from infra.local.doctor import check_port
from infra.local.plan import Part, Plan
from infra.local.ports import accepts, in_url, is_own
from infra.local.sweep import sweep_leftovers
from panocast.errors import PanocastError, UsageError
from panocast.lifecycle import keep_running, until_stopped
from panocast.process import Command
from panocast.service import Backoff, Service
from panocast.settings import as_environment

log = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0
LEAST_FREE_BYTES = 200 << 20
LOG_BYTES = 5 << 20


@dataclass(frozen=True, slots=True)
class Extras:
    """What runs besides the platform: a test picture on `qa/test`, and one event on `live/demo`."""

    test_source: bool = False
    demo: bool = False


def check_machine(plan: Plan) -> None:
    """Raise UsageError, in one line with its mend, for what would keep the platform from starting."""
    if not is_own(plan.address):
        raise UsageError(f"this machine has no address {plan.address}: choose another with --bind, or leave it out")
    for what, port, option in (
        ("HTTP", plan.ports.http, "--http-port"),
        ("RTMP", plan.ports.rtmp, "--rtmp-port"),
        ("RTMP of the backup", plan.ports.backup_rtmp, "--backup-rtmp-port"),
        *([("HTTPS", plan.ports.https, "--https-port")] if plan.ports.https else []),
    ):
        check = check_port(what, port, plan.settings.bind)
        if not check.ok:
            raise UsageError(f"{check.name} is {check.detail}: stop what holds it, or choose another with {option}")
    free = shutil.disk_usage(plan.settings.state).free
    if free < LEAST_FREE_BYTES:
        raise UsageError(
            f"the disk of {plan.settings.state} is full ({free >> 20} MiB left): "
            f"panocast needs at least {LEAST_FREE_BYTES >> 20} MiB to record"
        )


@asynccontextmanager
async def running(plan: Plan, extras: Extras, moved: Callable[[str], None]) -> AsyncIterator[asyncio.Task[None]]:
    """The platform, from ready to stopped; gives the task that ends only if something fails for good. `moved` is called
    with each URL at which other devices find it from then on."""
    plan.ready_file.unlink(missing_ok=True)
    await sweep_leftovers(plan.settings.state / "run.json")
    services = await _services(plan, extras)
    tasks = [asyncio.create_task(keep_running(services)), asyncio.create_task(_keep_run_file(plan, services))]
    try:
        await _wait_until_ready(plan, services, tasks[0])
        plan.ready_file.touch()
        tasks.append(asyncio.create_task(health.watch(services, health.checks(plan))))
        if plan.settings.edge.public_url is None:  # nobody chose one
            edge_part = plan.edge.settings
            following = follow_address(edge_paths(edge_part), edge_part.edge, plan.public_url, moved)
            tasks.append(asyncio.create_task(following))
        if extras.demo:
            tasks.append(asyncio.create_task(demo.publish_once(plan)))
        yield tasks[0]
    finally:
        plan.ready_file.unlink(missing_ok=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        (plan.settings.state / "run.json").unlink(missing_ok=True)


async def until_done(keeper: asyncio.Task[None]) -> None:
    """Wait for Ctrl-C or SIGTERM; raises what failed for good, if something does."""
    stopped = asyncio.create_task(until_stopped())
    await asyncio.wait([keeper, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if keeper.done():
        keeper.result()


async def _services(plan: Plan, extras: Extras) -> list[Service]:
    commands: list[tuple[Part, Command]] = []
    for part in (plan.primary, plan.backup):
        commands += [(part, command) for command in await origin.services.commands(part.settings)]
    commands += [(plan.edge, command) for command in await edge.services.commands(plan.edge.settings)]
    worker = [sys.executable, "-m", "transcoder.cli", "worker"]
    commands.append((plan.worker, Command("worker", worker, dies_by=SIGTERM)))
    if extras.test_source:
        commands.append((plan.primary, demo.test_source(plan)))
    folder = plan.settings.state / "log"
    folder.mkdir(exist_ok=True)
    return [_service(replace(command, env=_environment(part)), folder) for part, command in commands]


def _environment(part: Part) -> dict[str, str]:
    return {**os.environ, **as_environment(part.overrides), "PYTHONUNBUFFERED": "1"}


def _service(command: Command, folder: Path) -> Service:
    """A service whose lines go to a file of its own, which is turned over before it grows large."""
    lines = logging.getLogger(f"child.{command.name}")
    lines.propagate = False
    for old in list(lines.handlers):
        lines.removeHandler(old)
    file = RotatingFileHandler(folder / f"{command.name.replace(' ', '-')}.log", maxBytes=LOG_BYTES, backupCount=2)
    lines.addHandler(file)
    return Service(
        command,
        backoff=Backoff(first_s=0.2, most_s=5.0),
        on_stdout=lines.info,
        on_stderr=lines.info,
    )


async def _keep_run_file(plan: Plan, services: Iterable[Service]) -> None:
    """Say in run.json what runs here, for the other commands and for the next start."""
    path = plan.settings.state / "run.json"
    last = ""
    while True:
        children = {service.command.name: service.pid for service in services if service.pid}
        text = json.dumps({"pid": os.getpid(), "urls": plan.urls(), "children": children}, indent=1)
        if text != last:
            temporary = path.with_suffix(".new")
            temporary.write_text(text)
            temporary.replace(path)
            last = text
        await asyncio.sleep(0.5)


async def _wait_until_ready(plan: Plan, services: list[Service], keeper: asyncio.Task[None]) -> None:
    """Wait until viewers can be served, both RTMP ports accept and a worker runs."""
    worker = next(service for service in services if service.command.name == "worker")
    deadline = time.monotonic() + START_TIMEOUT_S
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        while True:
            rtmp = (plan.ports.rtmp, plan.ports.backup_rtmp)
            waiting = [f"port {port}" for port in rtmp if not accepts(port, plan.address)]
            if not await _edge_sees_origins(session, plan):
                waiting.append("the edge")
            if worker.pid is None:
                waiting.append("the worker")
            if not waiting:
                return
            if keeper.done():
                keeper.result()
            if time.monotonic() > deadline:
                errors = "; ".join(s.last_error for s in services if s.last_error)
                raise PanocastError(
                    f"not ready after {START_TIMEOUT_S:.0f} s: {', '.join(waiting)} ({errors or 'no error'})"
                )
            await asyncio.sleep(0.1)


async def _edge_sees_origins(session: aiohttp.ClientSession, plan: Plan) -> bool:
    """Whether the edge answers and both origins answer it; it calls itself ready only once `up` says so."""
    try:
        async with session.get(f"http://{in_url(plan.address)}:{plan.ports.http}/healthz") as response:
            origins = (await response.json())["origins"]
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
        return False
    return all(state == "up" for state in origins.values())
