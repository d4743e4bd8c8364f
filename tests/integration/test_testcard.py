"""The test card, really rendered: its colours, its clock, its frames, its sound."""

from __future__ import annotations

import signal
import subprocess
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from panocast import testcard
from panocast.ladder import Size
from panocast.testcard import DIRECTIONS, Card
from panocast.testcard_clock import (
    PERIOD_MS,
    Direction,
    clock_directions,
    elapsed_ms,
    equirect_xy,
    perspective_xy,
    read_clock,
)

pytestmark = pytest.mark.slow

FPS = 30
SECONDS = 2
WANTED_BYTES = 300_000
"""Of a published card: it runs at the speed of the clock, so this takes two or three seconds."""
VERTICAL_FOV_DEG = 80.0
"""A-Frame's camera."""
HORIZONTAL_FOV_DEG = 112.3
"""The same camera's on a 16:9 screen."""


@dataclass(frozen=True, slots=True)
class Clip:
    path: Path
    size: Size


@dataclass(frozen=True, slots=True)
class Frame:
    """Decoded pixels, `depth` bytes each, rows of `size.width`."""

    data: bytes
    size: Size
    depth: int

    def at(self, xy: tuple[int, int]) -> tuple[int, ...]:
        start = (xy[1] * self.size.width + xy[0]) * self.depth
        return tuple(self.data[start : start + self.depth])

    def toward(self, yaw_deg: float, pitch_deg: float) -> tuple[int, ...]:
        return self.at(equirect_xy(Direction(yaw_deg, pitch_deg), self.size.width, self.size.height))

    def clock(self) -> int:
        return read_clock([self.toward(at.yaw_deg, at.pitch_deg)[0] for at in clock_directions()])

    def region(self, left_deg: float, top_deg: float, width_deg: float, height_deg: float) -> list[tuple[int, ...]]:
        x0, y0 = equirect_xy(Direction(left_deg, top_deg), self.size.width, self.size.height)
        x1, y1 = equirect_xy(Direction(left_deg + width_deg, top_deg - height_deg), self.size.width, self.size.height)
        return [self.at((x, y)) for y in range(y0, y1) for x in range(x0, x1)]


def run(argv: Sequence[str | Path]) -> bytes:
    done = subprocess.run([str(part) for part in argv], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout


def decode(
    path: Path, size: Size, *, gray: bool, filters: str = "null", first: float = 0, count: int = 1000
) -> list[Frame]:
    raw = run(
        [
            *("ffmpeg", "-v", "error", "-ss", str(first), "-i", path, "-vf", filters, "-frames:v", str(count)),
            *("-f", "rawvideo", "-pix_fmt", "gray" if gray else "rgb24", "-"),
        ]
    )
    depth = 1 if gray else 3
    step = size.width * size.height * depth
    return [Frame(raw[i : i + step], size, depth) for i in range(0, len(raw), step)]


def probe(path: Path, *options: str) -> list[str]:
    return run(["ffprobe", "-v", "error", "-of", "csv=p=0", *options, path]).decode().split()


@pytest.fixture(scope="module", params=[640, 1280])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clip:
    size = Size(request.param, request.param // 2)
    path = tmp_path_factory.mktemp("card") / "card.mp4"
    card = Card(size=size, fps=FPS, gop_s=0.5, bitrate_bps=2_000_000, wall_clock=False)
    run(testcard.render_argv(path, SECONDS, card, testcard.find_fonts()))
    return Clip(path, size)


def test_every_direction_shows_its_colour(clip: Clip) -> None:
    frame = decode(clip.path, clip.size, gray=False, first=1)[0]
    for name, (yaw, pitch, rgb) in DIRECTIONS.items():
        for beside in (-1.5, 0.0, 1.5):
            seen = frame.toward(yaw + beside, pitch + beside)
            assert all(abs(a - b) <= 12 for a, b in zip(seen, rgb, strict=True)), f"{name}: {seen} is not {rgb}"


def test_every_frame_tells_its_own_time(clip: Clip) -> None:
    clocks = [frame.clock() for frame in decode(clip.path, clip.size, gray=True)]
    assert clocks == [round(n * 1000 / FPS) for n in range(SECONDS * FPS)]


def test_the_clock_survives_the_smallest_live_rung(clip: Clip, tmp_path: Path) -> None:
    small = tmp_path / "small.mp4"
    run(
        [
            *("ffmpeg", "-v", "error", "-i", clip.path, "-vf", "scale=480:240", "-an", "-c:v", "libx264"),
            *("-preset", "veryfast", "-b:v", "500k", "-maxrate", "500k", "-bufsize", "500k", small),
        ]
    )
    clocks = [frame.clock() for frame in decode(small, Size(480, 240), gray=True)]
    assert clocks == [round(n * 1000 / FPS) for n in range(SECONDS * FPS)]


def test_the_clock_is_read_from_a_players_view(clip: Clip) -> None:
    view = Size(1280, 720)
    flat = f"v360=e:flat:h_fov={HORIZONTAL_FOV_DEG}:v_fov={VERTICAL_FOV_DEG}:w={view.width}:h={view.height}"
    frame = decode(clip.path, view, gray=True, filters=flat, first=1)[0]
    places = [perspective_xy(at, view.width, view.height, VERTICAL_FOV_DEG) for at in clock_directions()]
    assert read_clock([frame.at(place)[0] for place in places]) == 1000


def test_a_frame_counter_is_written_and_counts(clip: Clip) -> None:
    regions = [frame.region(-20, -13, 40, 4) for frame in decode(clip.path, clip.size, gray=True, count=4)]
    assert all(sum(pixel[0] > 180 for pixel in region) > 30 for region in regions), "nothing is written there"
    for before, after in pairwise(regions):
        assert any(abs(a[0] - b[0]) > 60 for a, b in zip(before, after, strict=True)), "the counter stands still"


def test_the_ball_goes_round_the_sphere(clip: Clip) -> None:
    start, later = (decode(clip.path, clip.size, gray=True, first=at)[0] for at in (0.0, 1.0))
    step_deg = 360 / testcard.BALL_PERIOD_S
    pitch = testcard.BALL_PITCH_DEG
    assert later.toward(-180 + step_deg, pitch)[0] > 200
    assert start.toward(-180 + step_deg, pitch)[0] < 150
    assert start.toward(-179, pitch)[0] > 200, "the ball is drawn on both sides of the seam"
    assert start.toward(179, pitch)[0] > 200, "the ball is drawn on both sides of the seam"


def test_keyframes_come_exactly_once_a_gop(clip: Clip) -> None:
    flags = probe(clip.path, "-select_streams", "v", "-show_entries", "packet=pts_time,flags")
    times = [float(line.split(",")[0]) for line in flags if "K" in line]
    assert times == [0.0, 0.5, 1.0, 1.5]
    assert len(flags) == SECONDS * FPS


def test_the_colours_are_marked_as_what_they_are(clip: Clip) -> None:
    marks = probe(clip.path, "-select_streams", "v", "-show_entries", "stream=color_range,color_space,color_primaries")
    assert marks == ["tv,bt709,bt709"]


def test_beep_and_flash_begin_within_a_frame_of_each_other(clip: Clip) -> None:
    lit = [
        frame.toward(testcard.FLASH_YAW_DEG, testcard.FLASH_PITCH_DEG)[0] > 128
        for frame in decode(clip.path, clip.size, gray=True)
    ]
    flashes = [n / FPS for n, on in enumerate(lit) if on and (n == 0 or not lit[n - 1])]
    beeps = beep_starts(clip.path)
    assert flashes == [0.0, 1.0]
    assert len(beeps) == len(flashes)
    for flash, beep in zip(flashes, beeps, strict=True):
        assert abs(flash - beep) < 1 / FPS
    assert sum(lit) == len(flashes) * round(testcard.BEEP_S * FPS)


def beep_starts(path: Path) -> list[float]:
    """When silence ends, in seconds, looked at in windows of 5 ms."""
    rate, window = 48_000, 240
    samples = array("h", run(["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", str(rate), "-f", "s16le", "-"]))
    loud = [max(map(abs, samples[i : i + window])) > 2000 for i in range(0, len(samples), window)]
    return [i * window / rate for i, on in enumerate(loud) if on and (i == 0 or not loud[i - 1])]


def test_two_renderings_are_the_same_film(tmp_path: Path) -> None:
    card = Card(size=Size(320, 160), wall_clock=False, audio=False)
    hashes = set()
    for name in ("a.mp4", "b.mp4"):
        run(testcard.render_argv(tmp_path / name, 0.5, card, testcard.find_fonts()))
        hashes.add(run(["ffmpeg", "-v", "error", "-i", tmp_path / name, "-f", "md5", "-"]))
    assert len(hashes) == 1


def test_a_published_card_shows_the_time_at_which_each_frame_was_made(tmp_path: Path) -> None:
    size, path = Size(640, 320), tmp_path / "live.flv"
    card = Card(size=size, fps=FPS, gop_s=1, bitrate_bps=1_000_000)
    argv = testcard.publish_argv(str(path), card, testcard.find_fonts())
    began = time.time()
    publisher = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not path.exists() or path.stat().st_size < WANTED_BYTES:
            assert time.time() - began < 60, "it writes nothing"
            time.sleep(0.1)
    finally:
        asked = time.time()
        publisher.send_signal(signal.SIGINT)
        publisher.wait(60)
    ended = time.time()
    clocks = [frame.clock() for frame in decode(path, size, gray=True)]
    offsets = [elapsed_ms(round(began * 1000) % PERIOD_MS, clock) for clock in clocks]
    assert offsets == sorted(offsets), "the clock went back"
    assert 0 <= offsets[0] <= offsets[-1] <= (ended - began) * 1000, "made before it began or after it ended"
    assert (asked - began) * 1000 - offsets[-1] < 3000, "the last frame is older than the end"
    assert len(offsets) <= (ended - began) * FPS + 1, "faster than the clock"
