"""What an earlier life left: processes of an `up` that was killed, ended before a new one starts."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


async def sweep_leftovers(run_file: Path, patience_s: float = 5.0) -> None:
    """End the children that `run_file` names, if they still run for the same state directory.

    Each was started with this state directory in its environment or its arguments, which tells it from a stranger that
    got the same process id since.
    """
    state = str(run_file.parent).encode()
    children = await asyncio.to_thread(_children, run_file)
    ours = [pid for pid in children if _belongs(pid, state)]
    for pid in ours:
        log.warning("ending process %d, left by an earlier run", pid)
        _signal_group(pid, signal.SIGTERM)
    waited_s = 0.0
    while waited_s < patience_s and any(_belongs(pid, state) for pid in ours):
        await asyncio.sleep(0.1)
        waited_s += 0.1
    for pid in ours:
        _signal_group(pid, signal.SIGKILL)
    await asyncio.to_thread(run_file.unlink, missing_ok=True)


def _children(run_file: Path) -> list[int]:
    try:
        return [int(pid) for pid in json.loads(run_file.read_text())["children"].values()]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return []


def _belongs(pid: int, state: bytes) -> bool:
    try:
        told = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return state in told


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
