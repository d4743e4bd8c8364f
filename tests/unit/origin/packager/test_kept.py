"""An ffmpeg that is kept running: nothing that goes wrong ends that, but who asks for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from origin.packager.kept import KeptRunning
from origin.packager.pipe import Supply
from origin.packager.run import Run
from panocast.errors import SetupError, TemporaryError
from tests.processes import no_descriptors
from tests.waiting import eventually


class Kept(KeptRunning):
    """Each run ends by the next of these errors; behind the last it lasts."""

    what = "ladder"

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.ends_badly = False
        super().__init__("cam")

    async def _once(self) -> str:
        self.starts += 1
        if self.errors:
            raise self.errors.pop(0)
        try:
            await asyncio.sleep(60)
        finally:
            if self.ends_badly:
                raise OSError(24, "Too many open files")
        return "over"


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(24, "Too many open files"), "Too many open files"),
        (SetupError("ffmpeg is not installed"), "ffmpeg is not installed"),
        (KeyError("width"), "KeyError('width')"),
    ],
)
async def test_whatever_ends_a_run_another_one_begins_and_the_owner_is_told(error: Exception, said: str) -> None:
    kept = Kept(error)
    await eventually(lambda: kept.starts == 2, every_s=0.01)
    assert said in (kept.warning() or "")
    await kept.stop()


async def test_one_that_ends_badly_is_over_all_the_same() -> None:
    kept = Kept()
    await eventually(lambda: kept.starts == 1, every_s=0.01)
    kept.ends_badly = True
    await kept.stop()
    await kept.stop()
    assert kept.starts == 1


async def test_a_run_that_cannot_begin_leaves_nothing_open() -> None:
    def argv_of(fds: list[int]) -> list[str]:
        raise SetupError("ffmpeg is not installed")

    before = open_descriptors()
    supply = Supply()
    with pytest.raises(SetupError):
        Run("the ladder of cam", argv_of, [print, print], supply)
    assert open_descriptors() == before
    with no_descriptors(), pytest.raises(TemporaryError, match="cannot open a pipe to ffmpeg: Too many open files"):
        Run("the ladder of cam", lambda fds: ["true"], [print])
