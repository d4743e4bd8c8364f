"""What people must know of recordings that wait for their store, before the disk is full."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage

# Files that nginx has closed wait longer than this only where something is wrong.
WAITING_S = 20.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What lies on the disk and is not stored: bytes, the age of what has waited longest in seconds (0 for nothing),
    and the bytes that are free beside it."""

    bytes: int
    age_s: float
    free_bytes: int


def look(folder: Path, now: float) -> Waiting:
    """What waits in nginx's folder at `now` (Unix time); a file counts as waiting from its last change."""
    sizes, ages = 0, [0.0]
    for path in folder.glob("*.flv"):
        with suppress(FileNotFoundError):
            stat = path.stat()
            sizes += stat.st_size
            ages.append(now - stat.st_mtime)
    return Waiting(sizes, max(ages), disk_usage(folder).free)


def alarms(waiting: Waiting, low_bytes: int, failure: str, *, shut: bool = False) -> Iterable[str]:
    """What is wrong, in words, the worst first.

    `failure` is what storing failed with last, if it did; `shut` is whether nothing is recorded for want of room.
    """
    megabytes = 1 << 20
    if shut:
        yield (
            f"the disk is full, and nothing is recorded: {waiting.free_bytes // megabytes} MB free, "
            f"{waiting.bytes // megabytes} MB of recordings not stored yet; make room, and it goes on by itself"
        )
    elif waiting.free_bytes < low_bytes:
        yield (
            f"the disk is nearly full: {waiting.free_bytes // megabytes} MB free, "
            f"{waiting.bytes // megabytes} MB of recordings not stored yet; make room, or recording stops"
        )
    if waiting.age_s > WAITING_S:
        why = f": {failure}" if failure else ""
        yield f"{waiting.bytes // megabytes} MB of recordings wait for the ingest store, for {waiting.age_s:.0f} s{why}"
