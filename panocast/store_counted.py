"""A store that counts the bytes that go through this machine: what a job takes and what it gives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from panocast.store import Stat, Store


@dataclass(slots=True)
class Traffic:
    """Bytes read from stores and written to them."""

    read_bytes: int = 0
    written_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def read(self, size: int) -> None:
        """Count bytes read."""
        with self._lock:
            self.read_bytes += size

    def written(self, size: int) -> None:
        """Count bytes written."""
        with self._lock:
            self.written_bytes += size


@dataclass(frozen=True, slots=True)
class CountedStore:
    """The store `inner`; what moves is added to `traffic`."""

    inner: Store
    traffic: Traffic

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def at_once(self) -> int:
        return self.inner.at_once

    def put_file(self, key: str, path: Path, *, if_absent: bool = False) -> bool:
        stored = self.inner.put_file(key, path, if_absent=if_absent)
        if stored:
            self.traffic.written(path.stat().st_size)
        return stored

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> bool:
        stored = self.inner.put_bytes(key, data, if_absent=if_absent, if_match=if_match)
        if stored:
            self.traffic.written(len(data))
        return stored

    def get_bytes(self, key: str) -> tuple[bytes, Stat]:
        data, stat = self.inner.get_bytes(key)
        self.traffic.read(len(data))
        return data, stat

    def get_file(self, key: str, path: Path) -> Stat:
        stat = self.inner.get_file(key, path)
        self.traffic.read(stat.size)
        return stat

    def stat(self, key: str) -> Stat | None:
        return self.inner.stat(key)

    def list(self, prefix: str) -> Iterator[Stat]:
        return self.inner.list(prefix)

    def copy(self, source: str, target: str) -> None:
        self.inner.copy(source, target)

    def delete(self, key: str) -> None:
        self.inner.delete(key)

    def delete_prefix(self, prefix: str) -> None:
        self.inner.delete_prefix(prefix)
