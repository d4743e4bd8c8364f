"""The files that nginx-rtmp recorded, as they lie on the disk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from panocast.layout import STREAM_NAME

_FILE = re.compile(rf"(?P<name>{STREAM_NAME.pattern})-(?P<time>\d{{9,11}})\.flv")


@dataclass(frozen=True, slots=True, order=True)
class Recorded:
    """A file that nginx recorded: `time` is the second it was opened in (Unix)."""

    time: int
    name: str
    path: Path


def recorded_files(folder: Path) -> dict[str, list[Recorded]]:
    """Every recording on disk: for each stream name its files, oldest first."""
    found: dict[str, list[Recorded]] = {}
    for path in folder.iterdir():
        if match := _FILE.fullmatch(path.name):
            found.setdefault(match["name"], []).append(Recorded(int(match["time"]), match["name"], path))
    return {name: sorted(files) for name, files in found.items()}


def newest_recording(folder: Path, name: str) -> Path | None:
    """The file that is written now for a live stream."""
    files = recorded_files(folder).get(name)
    return files[-1].path if files else None


def complete_files(files: list[Recorded]) -> list[Recorded]:
    """A live stream's files but the one that is written: the newest by its name, and by its last change should the
    machine's clock have been set back."""
    try:
        changed = max(files, key=lambda file: file.path.stat().st_mtime_ns, default=None)
    except FileNotFoundError:
        return []
    return [file for file in files[:-1] if file != changed]
