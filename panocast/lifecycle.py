"""How our services begin and end: one wait for a signal, several children kept running together."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterable

from panocast.process import Command
from panocast.service import Service


async def until_stopped() -> None:
    """Wait for SIGTERM or SIGINT (Ctrl-C); to be called once, by an entry point."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


async def keep_running(services: Iterable[Service]) -> None:
    """Keep services running, restarting each by itself, until cancelled; then all of them are stopped at once.

    Raises what a service raises that no restart can mend (a UsageError: its program is missing).
    """
    try:
        async with asyncio.TaskGroup() as group:
            for service in services:
                group.create_task(service.run(), name=service.command.name)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def run_until_stopped(commands: Iterable[Command]) -> None:
    """Keep commands running until SIGTERM or SIGINT; what they say goes to stderr, keys blanked."""
    running = asyncio.create_task(keep_running([Service(command, on_stderr=say) for command in commands]))
    stopped = asyncio.create_task(until_stopped())
    await asyncio.wait([running, stopped], return_when=asyncio.FIRST_COMPLETED)
    for task in (running, stopped):
        task.cancel()
    results = await asyncio.gather(running, stopped, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def say(line: str) -> None:
    """Pass on what a child says."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
