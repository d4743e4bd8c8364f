"""An object to be read without a copy of it: its own file, under a second name, where the store is on the same disk.

It may be somebody's only one, so whoever opens it must not write to it: it never lies in a folder that ffmpeg may
write to.
"""

from __future__ import annotations

import os
import stat as mode
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from panocast import folders
from panocast.errors import TemporaryError
from panocast.store import Stat, Store, local_folder


@dataclass(frozen=True, slots=True)
class Lent:
    """The file `path` is the object itself; `written` is when and how long that was."""

    stat: Stat
    path: Path
    written: tuple[int, int]

    def check_unchanged(self) -> None:
        """TemporaryError when somebody wrote into it meanwhile; blocks."""
        if _written(self.path) != self.written:
            raise TemporaryError(f"{self.stat.key} changed while it was read: it is still being written")


def lend(store: Store, key: str, path: Path) -> Lent | None:
    """Make `path` a second name of an object's file; None where that cannot be (a bucket, another disk, somebody else's
    file), and where there is no object. Blocks."""
    root, before = local_folder(store.url), store.stat(key)
    if root is None or before is None:
        return None
    *parents, name = key.split("/")
    with suppress(OSError):
        with folders.folder_below(root, parents) as folder:
            os.link(name, path, src_dir_fd=folder, follow_symlinks=False)
        written, after = _written(path), store.stat(key)
        if mode.S_ISREG(path.lstat().st_mode) and after is not None and after.etag == before.etag:
            return Lent(before, path, written)
    path.unlink(missing_ok=True)
    return None


def _written(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_mtime_ns, found.st_size
