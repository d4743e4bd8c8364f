"""Other processes, as the kernel tells of them, and this one when it has too much open."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits for its parent (a zombie) does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> list[int]:
    """The process ids of all that `pid` started, directly or not."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found += [int(path.parent.name), *descendants(int(path.parent.name))]
    return found


def live_ffmpegs(agent: int) -> dict[str, int]:
    """The process ids of an origin agent's `passthrough` and `ladder`, as far as they run."""
    found = {}
    for pid in descendants(agent):
        with suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if command.partition(b"\0")[0].endswith(b"ffmpeg"):
                if b"libx264" in command:
                    found["ladder"] = pid
                elif b"/live/" in command:
                    found["passthrough"] = pid
    return found


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Nothing can be opened, as in a process that has too much open already."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    # stdin, stdout and stderr, which are open, and not 0: that makes poll(2) refuse the descriptors that are open, too,
    # and ends the server that may run in another thread.
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
