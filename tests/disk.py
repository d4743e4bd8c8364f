"""A small disk of one's own, to be filled: a file system in memory that a process of its own holds."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from panocast.process import Child, Command


def can_mount() -> bool:
    """Whether this machine lets us mount in a namespace of our own."""
    program = shutil.which("unshare")
    return bool(program) and subprocess.run([str(program), "-rm", "true"], capture_output=True).returncode == 0


@asynccontextmanager
async def small_disk(folder: Path, size: str) -> AsyncIterator[Path]:
    """A disk of so many bytes (such as 3m) over `folder`, which only its holder sees there; others by this path."""
    mounted = asyncio.Event()
    script = 'mount -t tmpfs -o size="$1" none "$2" && echo mounted && exec sleep 600'
    command = Command("disk", ["unshare", "-rm", "sh", "-c", script, "sh", size, str(folder)])
    holder = Child(command, on_stdout=lambda _: mounted.set())
    await holder.start()
    try:
        async with asyncio.timeout(20):
            await mounted.wait()
        yield Path(f"/proc/{holder.pid}/root{folder}")
    finally:
        await holder.stop()


def fill(path: Path, *, leave_bytes: int = 0) -> None:
    """Make a file longer until its disk is full, or nearly so."""
    with suppress(OSError), path.open("ab", buffering=0) as file:
        while not leave_bytes or shutil.disk_usage(path.parent).free > leave_bytes:
            file.write(bytes(4096))
