"""Whether there is room on the disks that a job will write to: better said before than found out in the middle."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from panocast.errors import NoRoomError
from panocast.fence import in_mb
from panocast.folders import FULL

# A disk with less room than this is full, for whoever wrote to it.
_FULL_BYTES = 64 << 10


def check_room(what: str, needs: Mapping[Path, int], *, leave_bytes: int) -> None:
    """NoRoomError, in words, where a disk has less room than is needed in a folder of it and must be left; blocks.

    Folders of one disk share the same room: what goes from one to the other is removed there.
    """
    for folder, size in needs.items():
        there = _existing(folder)
        free = shutil.disk_usage(there).free
        if free < size + leave_bytes:
            raise NoRoomError(
                f"{what} needs {in_mb(size)} on the disk of {there}, where {in_mb(free)} are free and "
                f"{in_mb(leave_bytes)} stay free (setting transcoder.disk_free_mb): make room there"
            )


def is_full(folder: Path) -> bool:
    """Whether nothing more can be written to a folder; blocks."""
    return shutil.disk_usage(folder).free < _FULL_BYTES


def says_full(line: str) -> bool:
    """Whether a line that a program wrote tells of a full disk."""
    return any(os.strerror(number) in line for number in FULL)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
