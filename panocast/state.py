"""The state directory: made where it is missing, of a version this program knows, used by one `up` at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from panocast.errors import UsageError
from panocast.settings import Settings, load_settings

VERSION = 1


def open_settings(state: Path | None, config: Path | None) -> Settings:
    """The settings that a command was called with, their state directory made and checked."""
    settings = load_settings(state, config)
    open_state(settings.state)
    return settings


def open_state(path: Path) -> Path:
    """Make or check a state directory; raises UsageError when it cannot be written or is of a newer version."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        version_file = path / "version"
        with suppress(FileExistsError), version_file.open("x") as file:
            file.write(f"{VERSION}\n")
        text = version_file.read_text().strip()
    except OSError as error:
        raise UsageError(f"cannot use the state directory {path}: {error.strerror}") from error
    # An empty file is what a power cut leaves of the first start.
    if text and not text.isdigit():
        raise UsageError(f"{version_file} says {text[:40]!r}, not a version: is {path} a state directory of panocast?")
    if text and int(text) > VERSION:
        raise UsageError(
            f"the state directory {path} is of version {text}, this panocast knows up to {VERSION}: upgrade panocast"
        )
    return path


@contextmanager
def sole_use(path: Path, what: str) -> Iterator[None]:
    """Hold the state directory for one process; raises UsageError while another holds it."""
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(f"{what} already runs on {path}: stop it first, or choose another --state") from error
        yield
    finally:
        os.close(descriptor)
