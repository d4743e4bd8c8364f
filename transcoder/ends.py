"""The two ends of a one-shot run: a file or an object to read, a new folder or prefix to fill, whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from panocast.errors import NotFoundError, UsageError
from panocast.store import Store, check_key, open_store
from panocast.threads import in_thread
from transcoder.workplace import each

S3 = "s3://"
MASTER = "master.m3u8"


class Source(Protocol):
    """What is transcoded; `name` is the file's."""

    @property
    def name(self) -> str: ...

    def fetch(self, folder: Path) -> Path:
        """The file, in `folder` if it has to be brought here; blocks. Raises UsageError when there is none."""
        ...


class Target(Protocol):
    """Where the asset goes."""

    def check(self) -> None:
        """UsageError, before any work, when something would be overwritten; blocks."""
        ...

    def scratch_root(self) -> Path | None:
        """Where to work, so that the result is in place without another copy; None: anywhere."""
        ...

    async def fill(self, made: Path) -> None:
        """Put everything there, the master last."""
        ...


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file of this machine."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def fetch(self, folder: Path) -> Path:
        if not self.path.is_file():
            raise UsageError(f"there is no file {self.path}")
        return self.path


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """An object of a store."""

    store: Store
    key: str

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    def fetch(self, folder: Path) -> Path:
        path = folder / "source"
        try:
            self.store.get_file(self.key, path)
        except NotFoundError as error:
            raise UsageError(f"there is no object {self.store.url}/{self.key}") from error
        return path


@dataclass(frozen=True, slots=True)
class FolderTarget:
    """A folder of this machine, new or empty."""

    path: Path

    def check(self) -> None:
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise UsageError(f"{self.path} exists and is not an empty folder: choose another")

    def scratch_root(self) -> Path | None:
        return self.path

    async def fill(self, made: Path) -> None:
        await in_thread(self._move, made)

    def _move(self, made: Path) -> None:
        for path in sorted(made.iterdir(), key=lambda path: path.name == MASTER):
            path.rename(self.path / path.name)


@dataclass(frozen=True, slots=True)
class PrefixTarget:
    """A prefix of a store, with nothing below it."""

    store: Store

    def check(self) -> None:
        if any(True for _ in self.store.list("")):
            raise UsageError(f"there is something below {self.store.url} already: choose another prefix")

    def scratch_root(self) -> Path | None:
        return None

    async def fill(self, made: Path) -> None:
        keys = await in_thread(_files_below, made)
        try:
            await self._put(made, [key for key in keys if key != MASTER])
            if not await in_thread(partial(self.store.put_file, MASTER, made / MASTER, if_absent=True)):
                raise UsageError(f"another run has filled {self.store.url} meanwhile")
        except UsageError:
            raise
        except BaseException:  # nothing half-done stays
            await asyncio.shield(in_thread(self._remove, keys))
            raise

    async def _put(self, made: Path, keys: Sequence[str]) -> None:
        await each(keys, lambda key: self.store.put_file(key, made / key), at_once=self.store.at_once)

    def _remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.store.delete(key)


def _files_below(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]


def open_source(text: str) -> Source:
    """The source that a word of the command line names."""
    if not text.startswith(S3):
        return FileSource(Path(text))
    bucket, _, key = text.removeprefix(S3).partition("/")
    if not bucket or not key:
        raise UsageError(f"{text} names no object: use s3://bucket/key")
    return ObjectSource(open_store(f"{S3}{bucket}"), check_key(key))


def open_target(text: str) -> Target:
    """The target that a word of the command line names."""
    if not text.startswith(S3):
        return FolderTarget(Path(text))
    return PrefixTarget(open_store(text))
