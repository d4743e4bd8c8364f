"""An ffmpeg that does nothing, and a packager that runs it without nginx."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from origin.packager.packager import OwnPackager
from origin.packager.shelf import Shelf
from origin.packager.stream import Surroundings
from origin.stat import Stat
from panocast.follow import Heard
from panocast.projection import Projection, Stereo

GRACE_S = 60.0
NOBODY = Stat(1, ())


def idle_ffmpeg(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on `ffmpeg` lasts a moment and says nothing."""
    program = folder / "ffmpeg"
    program.write_text("#!/bin/sh\nexec sleep 0.2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


class Now:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.ms


def packager_of(
    folder: Path, now: Now, follow_peer: Callable[[str, Heard], Coroutine[None, None, None]] | None = None
) -> OwnPackager:
    """A packager whose timelines are kept in `folder`."""

    async def ask() -> Stat:
        return NOBODY

    async def drop_readers(name: str) -> None: ...

    around = Surroundings(
        source_url=lambda name: f"rtmp://127.0.0.1:1/live/{name}",
        ask=ask,
        drop_readers=drop_readers,
        shelf=Shelf(folder),
        sphere=lambda name, size: (Projection.EQUIRECTANGULAR, Stereo.MONO),
        follow_peer=follow_peer,
        grace_s=GRACE_S,
        now_ms=now,
    )
    return OwnPackager("primary", 1.0, 30.0, around)
