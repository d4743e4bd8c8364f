"""Each rung's own effort makes segments that fit together: across rungs, across parts, each to be decoded alone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from panocast.ladder import Rung, Size
from panocast.mp4 import split_fragments
from panocast.probe import Colour
from panocast.process import Command, run
from tests.media import frame_times
from transcoder.effort import LARGE, MEDIUM, SMALL, effort
from transcoder.encode import FRAGMENTS, MEDIA_ORIGIN_S, Quality, Span, part_argv

pytestmark = pytest.mark.slow

RATE, PART_S = 10, 2
# Just wide enough for each effort.
RUNGS = tuple(Rung(Size(width, 160), width * 1000) for width in (1984, 1024, 640))


async def encode(folder: Path, picture: str, number: int) -> Path:
    """Encode a part of some generated picture; gives its folder."""
    place = folder / f"part{number}"
    for rung in RUNGS:
        (place / rung.name).mkdir(parents=True)
    source = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"{picture}=size={RUNGS[0].size}:rate={RATE}"]
    keep = ["-t", str(PART_S), "-output_ts_offset", str(number * PART_S), "-c:v", "libx264", "-preset", "ultrafast"]
    await run(Command("picture", [*source, *keep, "-pix_fmt", "yuv420p", "-copyts", "part.mp4"], cwd=place))
    span = Span(number * PART_S, (number + 1) * PART_S)
    argv = part_argv("part.mp4", span, Fraction(RATE), RUNGS, Quality(None, 23, 1), segment_s=1, max_pixels=1 << 24,
                     colour=Colour(), audio=False)  # fmt: skip
    await run(Command("part", argv, cwd=place))
    for rung in RUNGS:
        assert len(split_fragments(place / rung.name / FRAGMENTS)) == PART_S
    return place


async def test_rungs_of_different_effort_have_the_same_segments_and_parts_the_same_init(tmp_path: Path) -> None:
    assert [effort(rung.size.width, None) for rung in RUNGS] == [LARGE, MEDIUM, SMALL]
    parts = [await encode(tmp_path, picture, number) for number, picture in enumerate(("testsrc2", "testsrc"))]
    for rung in RUNGS:
        first, second = ((part / rung.name / "init.mp4").read_bytes() for part in parts)
        assert first == second
    for number, part in enumerate(parts):
        for segment in range(PART_S):
            times = [await alone(part / rung.name, segment) for rung in RUNGS]
            start_s = MEDIA_ORIGIN_S + number * PART_S + segment
            wanted = [start_s + frame / RATE for frame in range(RATE)]
            assert times == [pytest.approx(wanted, abs=0.001)] * len(RUNGS)


async def alone(folder: Path, segment: int) -> list[float]:
    """When the frames of a segment are shown that can be decoded without any other."""
    file = folder / f"alone{segment}.mp4"
    file.write_bytes((folder / "init.mp4").read_bytes() + (folder / f"{segment:05d}.m4s").read_bytes())
    return await frame_times(str(file))
