"""Files and folders below a root, reached without ever following a symbolic link; locks, and files replaced for good.

What the directory store is made of; Linux only (descriptors of folders, flock).
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat as mode
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from panocast.errors import NoRoomError, TemporaryError

LOCK_WAIT_S = 30.0
FULL = (errno.ENOSPC, errno.EDQUOT)
NO_SUCH_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)
NOT_A_FOLDER = (errno.ENOTDIR, errno.EISDIR, errno.ELOOP)

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# O_NONBLOCK: opening a FIFO that somebody put there must not wait for its other end.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@contextmanager
def folder_below(root: Path, parts: Sequence[str], *, create: bool = False) -> Iterator[int]:
    """A descriptor of the folder `parts` below `root`; raises OSError (ENOENT, ENOTDIR for a file or a link)."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts:
            inner = _enter(folder, part, create=create)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _enter(folder: int, part: str, *, create: bool) -> int:
    """A descriptor of the folder `part` in `folder`, made (durably) where needed and wanted."""
    try:
        return os.open(part, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(part, dir_fd=folder)
    os.fsync(folder)
    return os.open(part, _FOLDER, dir_fd=folder)


def open_file(folder: int, name: str) -> int:
    """A descriptor to read a regular file in `folder`; raises OSError (ENOENT for anything else of that name)."""
    file = os.open(name, _READ, dir_fd=folder)
    if not mode.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise FileNotFoundError(errno.ENOENT, "not a regular file", name)
    return file


def entries(root: Path, parts: Sequence[str], start: str) -> list[tuple[str, os.stat_result]]:
    """A folder's visible files and folders whose names begin with `start`, in the order of the keys they lead to.

    Other things (links, devices) and what vanishes meanwhile are left out.
    """
    found = []
    with folder_below(root, parts) as folder, os.scandir(folder) as listing:
        for entry in listing:
            if not entry.name.startswith(start) or entry.name.startswith("."):
                continue
            with suppress(FileNotFoundError):
                stat = entry.stat(follow_symlinks=False)
                if mode.S_ISREG(stat.st_mode) or mode.S_ISDIR(stat.st_mode):
                    found.append((entry.name, stat))
    return sorted(found, key=lambda e: os.fsencode(e[0]) + (b"/" if mode.S_ISDIR(e[1].st_mode) else b""))


def remove_empty(root: Path, parts: Sequence[str]) -> None:
    """Remove the folder `parts` and those above it as far as they are empty, but none directly below `root`."""
    with suppress(OSError):  # the first that is not empty ends it
        for depth in range(len(parts), 1, -1):
            with folder_below(root, parts[: depth - 1]) as parent:
                os.rmdir(parts[depth - 1], dir_fd=parent)


@contextmanager
def locked(path: Path, *, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """No other thread or process is in here meanwhile; TemporaryError when one stays for longer than `wait_s`."""
    lock = os.open(path, os.O_RDONLY | os.O_CREAT, 0o666)
    try:
        deadline = time.monotonic() + wait_s
        while not _try_lock(lock):
            if time.monotonic() > deadline:
                raise TemporaryError(f"another process has held {path} for {wait_s:g} s")
            time.sleep(0.002)
        yield
    finally:
        os.close(lock)


def replace_file(path: Path, text: str) -> None:
    """Write a file in place of the one that has its name: whole at every moment, and on the disk when it returns. For
    one writer at a time. Raises OSError."""
    fresh = path.with_suffix(".new")
    with fresh.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Have the names in a folder on the disk when this returns. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clean(folder: Path, *, before: float, keep: str) -> None:
    """Remove the files that were last touched before `before` (Unix time) and that no live process has locked."""
    for path in folder.iterdir():
        with suppress(OSError):  # another process cleans, too
            # st_ctime: a new link to an old file has the old st_mtime.
            if path.name == keep or path.lstat().st_ctime > before:
                continue
            file = os.open(path, _READ)
            try:
                if _try_lock(file):
                    path.unlink()
            finally:
                os.close(file)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def full(what: str, where: Path) -> NoRoomError:
    """The error of who met a full disk."""
    return NoRoomError(f"{what}: the disk of {where} is full: make room there")


def in_words(error: OSError, what: str, where: Path) -> TemporaryError:
    """An OSError as ours: a disk is emptied, mended or mounted again, so another try could succeed."""
    if error.errno in FULL:
        return full(what, where)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return TemporaryError(f"{what}: no permission ({error.strerror}): check who owns {where}")
    return TemporaryError(f"{what}: {error.strerror or error}")
