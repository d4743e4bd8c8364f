"""The keyframe interval and the frame rate, measured from a recording while it grows."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from origin.keyframes import KeyframeMeter, nearest_rate
from tests.unit.origin.flvs import avc_frame, flv, stream, tag


def test_nothing_is_known_before_two_keyframes(tmp_path: Path) -> None:
    meter = KeyframeMeter()
    assert meter.interval_s is None
    assert meter.frame_rate == 30
    (tmp_path / "a.flv").write_bytes(stream(20, gop=60))
    meter.read(tmp_path / "a.flv")
    assert meter.interval_s is None
    assert meter.warning() is None
    meter.close()


def test_a_growing_file_is_read_on(tmp_path: Path) -> None:
    meter, data = KeyframeMeter(), stream(200, gop=60)
    for size in (0, 5, 100, 3000, len(data)):
        (tmp_path / "a.flv").write_bytes(data[:size])
        meter.read(tmp_path / "a.flv")
    assert meter.interval_s == 2.0
    assert meter.warning() is None
    meter.close()


def test_a_long_gop_is_told_before_it_ends(tmp_path: Path) -> None:
    meter = KeyframeMeter()
    (tmp_path / "a.flv").write_bytes(stream(150, gop=1000))
    meter.read(tmp_path / "a.flv")
    assert "keyframes every 5.0 s" in (meter.warning() or "")
    meter.close()


def test_a_gop_as_long_as_a_part_is_told_all_the_time(tmp_path: Path) -> None:
    meter = KeyframeMeter()
    for n in range(3):
        part = tmp_path / f"{n}.flv"
        part.write_bytes(stream(249, gop=1000))
        meter.read(part)
        if n:
            assert "keyframes every 8.3 s: set" in (meter.warning() or "").replace(", which delays viewers", "")
            part.write_bytes(stream(5, gop=1000))
        part.unlink()
    meter.close()


@pytest.mark.parametrize(
    ("fps", "told"),
    [(Fraction(30), 30), (Fraction(30000, 1001), Fraction(30000, 1001)), (Fraction(25), 25), (Fraction(60), 60),
     (Fraction(24000, 1001), Fraction(24000, 1001)), (Fraction(15), 15), (Fraction(20), 20)],
)  # fmt: skip
def test_the_frame_rate_is_what_it_is(tmp_path: Path, fps: Fraction, told: Fraction | int) -> None:
    meter = KeyframeMeter()
    tags = [tag(9, round(n * 1000 / fps), avc_frame(key=n == 0)) for n in range(200)]
    (tmp_path / "a.flv").write_bytes(flv(*tags))
    meter.read(tmp_path / "a.flv")
    assert float(meter.frame_rate) == pytest.approx(float(told), abs=0.02)
    meter.close()


@pytest.mark.parametrize(("frames", "total_ms", "told"), [(40, 1334, Fraction(30)), (30, 1001, Fraction(30000, 1001))])
def test_a_short_look_takes_a_whole_rate_unless_it_is_none(frames: int, total_ms: int, told: Fraction) -> None:
    assert nearest_rate([*[33] * (frames - 1), total_ms - 33 * (frames - 1)]) == told
