"""A stream shown by the loopback: what its ladder begins with."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from origin.keyframes import KeyframeMeter
from origin.ladder import Source
from origin.loopback.folders import Loopback
from origin.loopback.show import LoopbackShow
from origin.paths import OriginPaths
from origin.stat import Published, Stat
from panocast.ladder import Size


@pytest.mark.parametrize(("age_s", "stays"), [(5.0, False), (3600.0, True)])
async def test_a_ladder_clears_what_is_older_than_its_publish(tmp_path: Path, age_s: float, stays: bool) -> None:
    paths = OriginPaths(tmp_path)
    paths.make()
    left = paths.hls / "cam_480" / f"{round(time.time() * 1000) - 10_000}.ts"
    left.parent.mkdir()
    left.touch()
    show = LoopbackShow("cam", "rtmp://127.0.0.1:1/live/cam", Loopback(paths, 1, b"0123456789abcdef"), KeyframeMeter())
    seen = Published("live", "cam", 1, age_s, 0, None, None)
    await show.step(Source(Size(640, 320), None), seen, Stat(1, (seen,)))
    await show.stop()
    assert left.exists() is stays
