"""A worker's scratch folder: its own while it lives, swept by the next worker when it was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from panocast.errors import UsageError


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """A new folder below `root`, locked while in use and gone at the end; abandoned ones are removed first."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root):
            _sweep(root)
            path = Path(tempfile.mkdtemp(prefix="worker-", dir=root))
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        raise UsageError(f"cannot use the scratch folder {root}: {error.strerror}") from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    descriptor = os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(root: Path) -> None:
    """Remove every folder whose worker is gone (a lock ends with its process, however it ends)."""
    for path in root.glob("worker-*"):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
