"""Which rungs are encoded: those of the source that is there now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest

from origin.packager.encoding import Encoding
from origin.packager.package import Identity, Package
from origin.timeline import Timeline
from tests.unit.origin.packager.fmp4 import video_track
from tests.unit.origin.packager.stubs import idle_ffmpeg
from tests.waiting import eventually


class Kept(Package):
    """A package that is told which rungs go on, and cannot do it the first so many times."""

    def __init__(self) -> None:
        timeline = Timeline("cam", "primary", segment_min_ms=1000, now_ms=lambda: 0)
        super().__init__(Identity("cam", "primary", "e"), timeline, window_ms=60_000)
        self.fails = 0

    def keep_rungs(self, widths: Collection[int]) -> None:
        if self.fails:
            self.fails -= 1
            raise KeyError("width")
        super().keep_rungs(widths)


@pytest.fixture
async def encoding(package: Kept) -> AsyncIterator[Encoding]:
    encoding = Encoding("cam", package, lambda: True)
    yield encoding
    await encoding.close()


@pytest.fixture
def package() -> Kept:
    return Kept()


async def test_what_was_too_much_is_encoded_once_the_source_is_a_smaller_one(encoding: Encoding) -> None:
    def shed_all() -> None:
        for second in range(400):
            encoding._shedding.look(second, behind=True, rungs=len(encoding.rungs) + len(encoding.shed))

    encoding.take(video_track(3840), [])
    shed_all()
    assert (encoding.shed, encoding.rungs) == ((1920, 960, 480), ())
    await encoding.stop()
    encoding.take(video_track(3840), [])
    assert encoding.shed == (1920, 960, 480), "the same picture is as much as before"
    await encoding.stop()
    encoding.take(video_track(1920), [])
    assert [rung.size.width for rung in encoding.rungs] == [960, 480]
    assert not encoding.shed


async def test_a_ladder_that_could_not_begin_is_no_reason_never_to_begin_one(
    encoding: Encoding, package: Kept, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle_ffmpeg(tmp_path, monkeypatch)
    package.fails = 1
    encoding.take(video_track(1920), [])
    await eventually(lambda: "cam: its rungs could not begin" in caplog.text, every_s=0.01)
    await encoding.stop()
    encoding.take(video_track(1920), [])
    await eventually(lambda: encoding.ladder, every_s=0.01)
