"""A store in a directory of this machine: durable, and safe between processes.

An object is a plain file, so nginx can serve it and people can drop files in. What the store writes is complete
before it gets its name, and read-only from then on: replaced, never modified. Symbolic links are not objects and are
never followed below the root. Names change under one lock (`.tmp/lock`), data is written outside of it.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import stat as mode
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from panocast import folders
from panocast.errors import NotFoundError, TemporaryError, UsageError
from panocast.store import Stat, check_key, check_prefix, is_key

log = logging.getLogger(__name__)

TEMPORARY = ".tmp"
LOCK = "lock"
LEFTOVER_AGE_S = 86_400.0
_BLOCK = 1 << 20


class DirectoryStore:
    """Objects as files below `root`, which is made at the first write; `now` is the clock that ages leftovers."""

    def __init__(self, root: Path, *, now: Callable[[], float] = time.time) -> None:
        if not root.is_absolute() or root == Path("/"):
            raise UsageError(f"a store's folder must be an absolute path below '/', not {str(root)!r}")
        self._root = root
        self._now = now
        self._cleaned = False

    @property
    def url(self) -> str:
        return self._root.as_uri()

    @property
    def at_once(self) -> int:
        return 8

    def put_file(self, key: str, path: Path, *, if_absent: bool = False) -> bool:
        if if_absent and self.stat(key):  # spares the copy; _name decides
            return False
        try:
            source = path.open("rb")
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from error
        with source, self._writing(key), self._temporary() as file:
            shutil.copyfileobj(source, file, _BLOCK)
            return self._finish(file, key, if_absent=if_absent)

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> bool:
        with self._writing(key), self._temporary() as file:
            file.write(data)
            return self._finish(file, key, if_absent=if_absent, if_match=if_match)

    def get_bytes(self, key: str) -> tuple[bytes, Stat]:
        with self._reading(key) as (file, stat):
            return file.read(), stat

    def get_file(self, key: str, path: Path) -> Stat:
        part = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with self._reading(key) as (file, stat), part.open("wb") as copy:
                shutil.copyfileobj(file, copy, _BLOCK)
            part.replace(path)
        except OSError as error:
            raise folders.in_words(error, f"cannot copy {key} to {path}", path) from error
        finally:
            part.unlink(missing_ok=True)
        return stat

    def stat(self, key: str) -> Stat | None:
        try:
            with self._reading(key) as (_, stat):
                return stat
        except NotFoundError:
            return None

    def list(self, prefix: str) -> Iterator[Stat]:
        folder, _, start = check_prefix(prefix).rpartition("/")
        yield from self._walk(folder.split("/") if folder else [], start)

    def copy(self, source: str, target: str) -> None:
        with self._writing(target), self._temporary() as copy:
            with self._reading(source) as (file, _):
                # One of ours never changes; a file that is still writable may, whoever dropped it there.
                writable = os.fstat(file.fileno()).st_mode & 0o222
                if not writable and self._link(file, target):
                    return
                shutil.copyfileobj(file, copy, _BLOCK)
            self._finish(copy, target)

    def delete(self, key: str) -> None:
        self._delete(key, durable=True)

    def delete_prefix(self, prefix: str) -> None:
        for found in self.list(check_prefix(prefix, whole_folder=True)):
            self._delete(found.key, durable=False)

    @contextmanager
    def _writing(self, key: str) -> Iterator[None]:
        """Checks the key and translates what goes wrong while it changes."""
        check_key(key)
        try:
            yield
        except OSError as error:
            if error.errno in folders.NOT_A_FOLDER:
                words = f"{key} has no place in {self._root}: a part of it is an object, a folder or a symbolic link"
                raise UsageError(words) from error
            raise folders.in_words(error, f"cannot write {key} in {self._root}", self._root) from error

    def _temporaries(self) -> Path:
        """The folder for temporary files; at first use, an earlier life's leftovers there are removed."""
        folder = self._root / TEMPORARY
        folder.mkdir(parents=True, exist_ok=True)
        if not self._cleaned:
            self._cleaned = True
            folders.clean(folder, before=self._now() - LEFTOVER_AGE_S, keep=LOCK)
        return folder

    @contextmanager
    def _temporary(self) -> Iterator[BinaryIO]:
        """A new read-only file, locked while it is written (so it is no leftover), gone at the end unless named."""
        path = self._temporaries() / uuid.uuid4().hex
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o444)) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
            finally:
                path.unlink(missing_ok=True)

    def _finish(self, file: BinaryIO, key: str, *, if_absent: bool = False, if_match: str | None = None) -> bool:
        """Make a written temporary file durable and name it, if the conditions hold."""
        file.flush()
        # The kernel's own timestamps step by milliseconds: two writes could share one, and an inode be used again.
        stamp = time.time_ns()
        os.utime(file.fileno(), ns=(stamp, stamp))
        os.fsync(file.fileno())
        return self._name(Path(file.name), key, if_absent=if_absent, if_match=if_match)

    def _name(self, path: Path, key: str, *, if_absent: bool = False, if_match: str | None = None) -> bool:
        """Give the complete file at `path` its key, durably; False when a condition does not hold."""
        *parents, name = key.split("/")
        with self._locked(), folders.folder_below(self._root, parents, create=True) as folder:
            if if_match is not None and if_match != _etag_in(folder, name):
                return False
            try:
                if if_absent:
                    os.link(path, name, dst_dir_fd=folder, follow_symlinks=False)
                else:
                    os.rename(path, name, dst_dir_fd=folder)
            except FileExistsError:
                return False
            os.fsync(folder)
            return True

    def _link(self, file: BinaryIO, target: str) -> bool:
        """Make `target` a second name of an open object; False where the file system cannot."""
        path = self._temporaries() / uuid.uuid4().hex
        try:
            try:
                with folders.folder_below(path.parent, []) as folder:
                    # Through the descriptor: just this content, whatever its key names by now.
                    os.link(f"/proc/self/fd/{file.fileno()}", path.name, dst_dir_fd=folder)
            except OSError as error:
                log.debug("cannot link %s, copying it: %s", target, error)
                return False
            return self._name(path, target)
        finally:
            path.unlink(missing_ok=True)  # rename does nothing when both names are one file already

    def _locked(self) -> AbstractContextManager[None]:
        return folders.locked(self._temporaries() / LOCK)

    def _delete(self, key: str, *, durable: bool) -> None:
        """Remove an object and the folders that this leaves empty (but uploads/ and its like stay: people use them)."""
        *parents, name = check_key(key).split("/")
        if self.stat(key) is None:
            return
        with self._writing(key), suppress(FileNotFoundError, NotADirectoryError), self._locked():
            with folders.folder_below(self._root, parents) as folder:
                os.unlink(name, dir_fd=folder)
                if durable:
                    os.fsync(folder)
            folders.remove_empty(self._root, parents)

    @contextmanager
    def _reading(self, key: str) -> Iterator[tuple[BinaryIO, Stat]]:
        """An object's file, open, and its Stat; NotFoundError where there is no regular file of that key.

        TemporaryError at the end when somebody wrote into it meanwhile (into one of theirs: ours never change).
        """
        *parents, name = check_key(key).split("/")
        try:
            with folders.folder_below(self._root, parents) as folder:
                file = os.fdopen(folders.open_file(folder, name), "rb")
        except OSError as error:
            if error.errno in folders.NO_SUCH_FILE:
                raise NotFoundError(f"{self._root} has no object {key}") from error
            raise folders.in_words(error, f"cannot read {key} in {self._root}", self._root) from error
        with file:
            stat = _stat(key, os.fstat(file.fileno()))
            yield file, stat
            if _etag(os.fstat(file.fileno())) != stat.etag:
                raise TemporaryError(f"{key} in {self._root} changed while it was read: it is still being written")

    def _walk(self, parts: Sequence[str], start: str = "") -> Iterator[Stat]:
        """Every object below a folder whose name there begins with `start`; folders are read one at a time."""
        try:
            listing = folders.entries(self._root, parts, start)
        except OSError as error:
            if error.errno in folders.NO_SUCH_FILE:
                return
            if parts and error.errno == errno.EACCES:  # one folder of somebody else's must not hide all the others
                log.warning("not listed, no permission: %s in %s", "/".join(parts), self._root)
                return
            raise folders.in_words(error, f"cannot list {self._root.joinpath(*parts)}", self._root) from error
        for name, found in listing:
            key = "/".join([*parts, name])
            if mode.S_ISDIR(found.st_mode):
                yield from self._walk([*parts, name])
            elif is_key(key):
                yield _stat(key, found)


def _etag(found: os.stat_result) -> str:
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"


def _etag_in(folder: int, name: str) -> str | None:
    try:
        return _etag(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return None


def _stat(key: str, found: os.stat_result) -> Stat:
    return Stat(key, found.st_size, _etag(found), datetime.fromtimestamp(found.st_mtime, UTC))
