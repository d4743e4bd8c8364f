"""Stores of objects: a directory on this machine, or an S3 bucket, behind one small interface.

All methods block; services call them in threads (`asyncio.to_thread`). Keys are `/`-separated, at most 1024 bytes in
all and 255 a segment; a segment is never empty and never starts with a dot (so no `.`, no `..`, nothing hidden).
Other names are refused with UsageError and never listed. No key may be another one's folder (`a` beside `a/b`): a
directory refuses it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from panocast.errors import UsageError

# S3's limit for a key and Linux's for a file name: a key that is legal in one store is legal in the other.
MAX_KEY_BYTES = 1024
MAX_SEGMENT_BYTES = 255


@dataclass(frozen=True, slots=True)
class Stat:
    """One object: `size` in bytes, `etag` changes with every write of other content, `modified` in UTC."""

    key: str
    size: int
    etag: str
    modified: datetime


class Store(Protocol):
    """What panocast asks of a store.

    Writes are atomic (a reader sees the old object or the new one, whole) and durable when the call returns.
    Raises NotFoundError for a missing object, TemporaryError when the store cannot answer now (a full disk, a 5xx).
    """

    @property
    def url(self) -> str:
        """The URL that opens this store, `file://…` or `s3://…`."""
        ...

    @property
    def at_once(self) -> int:
        """How many small transfers at a time are quickest: a disk wants few, a service far away many."""
        ...

    def put_file(self, key: str, path: Path, *, if_absent: bool = False) -> bool:
        """Store a file's content; False when `if_absent` and the key is taken (then nothing was written)."""
        ...

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> bool:
        """Store bytes; False when a condition (absent, or still of etag `if_match`) does not hold."""
        ...

    def get_bytes(self, key: str) -> tuple[bytes, Stat]:
        """An object's content, for small objects, with the Stat of just that content."""
        ...

    def get_file(self, key: str, path: Path) -> Stat:
        """Write an object's content to `path` (a new file, or replaced whole)."""
        ...

    def stat(self, key: str) -> Stat | None:
        """An object's Stat, or None where there is none."""
        ...

    def list(self, prefix: str) -> Iterator[Stat]:
        """Every object whose key starts with `prefix`, in the order of their keys."""
        ...

    def copy(self, source: str, target: str) -> None:
        """Make `target` an object of the same content, without moving it through this machine."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is fine."""
        ...

    def delete_prefix(self, prefix: str) -> None:
        """Remove every object whose key starts with `prefix`, which ends in `/`; not durable against a power cut."""
        ...


def is_key(key: str) -> bool:
    """Whether `key` may name an object."""
    try:
        segments = os.fsencode(key).split(b"/")
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte of a file's name
        return False
    legal = all(0 < len(s) <= MAX_SEGMENT_BYTES and not s.startswith(b".") and b"\0" not in s for s in segments)
    return legal and len(os.fsencode(key)) <= MAX_KEY_BYTES


def check_key(key: str) -> str:
    """Return `key` unchanged; raise UsageError when it may not name an object."""
    if not is_key(key):
        raise UsageError(
            f"{key[:100]!r} cannot be a key: no empty segment, none starting with a dot, no NUL, "
            f"at most {MAX_SEGMENT_BYTES} bytes a segment and {MAX_KEY_BYTES} in all"
        )
    return key


def check_prefix(prefix: str, *, whole_folder: bool = False) -> str:
    """Return `prefix` unchanged; UsageError unless it ends in `/` (where `whole_folder`) and can begin a key."""
    if whole_folder and not prefix.endswith("/"):
        raise UsageError(f"the prefix {prefix[:100]!r} must end in '/'")
    if folder := prefix.rpartition("/")[0]:
        check_key(folder)
    elif prefix.startswith("/"):
        raise UsageError(f"the prefix {prefix[:100]!r} must not start with '/'")
    return prefix


def local_folder(url: str) -> Path | None:
    """The folder of a `file://` store; None for what names no folder of this machine."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        return None
    # A # or ? of a folder's name is quoted; bare, it would name another folder than the one that was meant.
    return None if parts.query or parts.fragment else Path(unquote(parts.path, errors="surrogateescape"))


def open_store(url: str, *, hasty: bool = False) -> Store:
    """The store that `url` names: `file:///absolute/folder` (made at the first write) or `s3://bucket[/prefix]`. A
    `hasty` one gives up within seconds, for those whom somebody waits for.

    Raises UsageError for any other URL. Touches neither disk nor network yet.
    """
    # Imported here: each store is built on this module, and boto3 takes half a second that one machine need not spend.
    if folder := local_folder(url):
        from panocast.store_directory import DirectoryStore

        return DirectoryStore(folder)
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc:
        from panocast.store_s3 import S3Store, s3_client

        return S3Store(parts.netloc, unquote(parts.path), connect=partial(s3_client, hasty=hasty))
    raise UsageError(f"{url!r} names no store: use file:///absolute/folder or s3://bucket/prefix")
