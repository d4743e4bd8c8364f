"""The test card's plan: argv, graphs and the arithmetic of its clock, without running ffmpeg."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from panocast import testcard
from panocast.errors import UsageError
from panocast.ladder import Size
from panocast.testcard import DIRECTIONS, Card, Fonts
from panocast.testcard_clock import (
    BITS,
    PARITY,
    PERIOD_MS,
    SQUARES,
    ClockUnreadableError,
    Direction,
    clock_directions,
    clock_squares,
    elapsed_ms,
    equirect_xy,
    perspective_xy,
    read_clock,
)

FONTS = Fonts(Path("/fonts/bold.ttf"), Path("/fonts/mono.ttf"))
clock_readings = st.integers(0, PERIOD_MS - 1)


def shown(clock_ms: int) -> list[float]:
    return [235.0 if white else 16.0 for white in clock_squares(clock_ms)]


def expression(text: str, t: float) -> float:
    """What ffmpeg's expression evaluator makes of `text`."""
    return float(eval(text, {"floor": math.floor, "mod": math.fmod, "t": t}))


# -- the clock


@given(clock_readings)
def test_every_clock_reading_comes_back(clock_ms: int) -> None:
    assert read_clock(shown(clock_ms)) == clock_ms


@given(clock_readings, st.integers(0, SQUARES - 1))
def test_a_square_read_wrong_is_noticed(clock_ms: int, index: int) -> None:
    lumas = shown(clock_ms)
    lumas[index] = 251 - lumas[index]
    with pytest.raises(ClockUnreadableError):
        read_clock(lumas)


@given(clock_readings, st.floats(0.4, 1), st.floats(0, 60), st.randoms(use_true_random=False))
def test_a_darker_noisy_picture_is_read_all_the_same(clock_ms: int, gain: float, lift: float, random) -> None:  # type: ignore[no-untyped-def]
    lumas = [luma * gain + lift + random.uniform(-10, 10) for luma in shown(clock_ms)]
    assert read_clock(lumas) == clock_ms


@pytest.mark.parametrize("lumas", [[128.0] * SQUARES, [235.0] * SQUARES, [16.0] * SQUARES, [235.0, 16.0]])
def test_what_is_not_a_clock_is_refused(lumas: list[float]) -> None:
    with pytest.raises(ClockUnreadableError):
        read_clock(lumas)


@given(st.integers(0, 4_000_000_000_000))
@example(4_194_302)  # 4194.302 * 1000 is a little less than 4194302
def test_ffmpeg_lights_the_squares_that_we_read(epoch_ms: int) -> None:
    t = epoch_ms * 0.001  # as ffmpeg computes t from a timestamp in milliseconds
    bits = [bool(expression(testcard.bit_expr(BITS - 1 - i), t)) for i in range(BITS)]
    squares = clock_squares(epoch_ms % PERIOD_MS)
    assert bits == squares[PARITY - BITS : PARITY]
    assert bool(expression(testcard.parity_expr(), t)) == squares[PARITY]


@pytest.mark.parametrize(("earlier", "later", "elapsed"), [(10, 25, 15), (65_530, 4, 10), (7, 7, 0)])
def test_the_clock_may_start_again_between_two_readings(earlier: int, later: int, elapsed: int) -> None:
    assert elapsed_ms(earlier, later) == elapsed


# -- where things are


def test_squares_are_wide_enough_for_a_screenshot_and_within_front() -> None:
    yaws = [at.yaw_deg for at in clock_directions()]
    assert min(b - a for a, b in pairwise(yaws)) >= 1.5
    assert max(map(abs, yaws)) < testcard.PATCH_WIDTH_DEG / 2 - 1
    assert yaws == [-yaw for yaw in reversed(yaws)]


@pytest.mark.parametrize(
    ("at", "xy"),
    [
        (Direction(0, 0), (960, 480)),
        (Direction(90, 0), (1440, 480)),
        (Direction(180, 0), (0, 480)),
        (Direction(-90, 0), (480, 480)),
        (Direction(0, 90), (960, 0)),
        (Direction(0, -90), (960, 959)),
    ],
)
def test_equirectangular_pixels_of_the_main_directions(at: Direction, xy: tuple[int, int]) -> None:
    assert equirect_xy(at, 1920, 960) == xy


def test_a_view_shows_front_in_the_middle_and_its_field_of_view_at_the_edge() -> None:
    assert perspective_xy(Direction(0, 0), 1280, 720, 80) == (640, 360)
    assert perspective_xy(Direction(0, 39.999), 1280, 720, 80) == (640, 0)
    x, y = perspective_xy(Direction(30, -5), 1280, 720, 80)
    assert x > 640
    assert y > 360


@given(st.floats(-50, 50), st.floats(-30, 30))
def test_a_view_agrees_with_rays_through_its_pixels(yaw_deg: float, pitch_deg: float) -> None:
    yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
    right, up, ahead = math.cos(pitch) * math.sin(yaw), math.sin(pitch), math.cos(pitch) * math.cos(yaw)
    focal = 360 / math.tan(math.radians(40))
    x, y = perspective_xy(Direction(yaw_deg, pitch_deg), 1280, 720, 80)
    assert abs(x + 0.5 - (640 + focal * right / ahead)) <= 0.51
    assert abs(y + 0.5 - (360 - focal * up / ahead)) <= 0.51


def test_the_colours_of_the_directions_cannot_be_confused() -> None:
    colours = [rgb for _, _, rgb in DIRECTIONS.values()]
    apart = [math.dist(a, b) for i, a in enumerate(colours) for b in colours[:i]]
    assert min(apart) > 60


# -- the command line


def test_the_card_is_published_at_the_speed_of_the_clock_and_rendered_as_fast_as_it_goes() -> None:
    published = testcard.publish_argv("rtmp://localhost/live/x", Card(), FONTS)
    rendered = testcard.render_argv(Path("x.mp4"), 2, Card(), FONTS)
    assert published.count("-re") == 2
    assert published[-1] == "rtmp://localhost/live/x"
    assert "-re" not in rendered
    assert rendered[-1] == "x.mp4"


def test_keyframes_are_asked_for_every_gop_and_nowhere_else() -> None:
    argv = testcard.publish_argv("x", Card(fps=25, gop_s=1.2), FONTS)
    options = dict(pairwise(argv))
    assert (options["-g"], options["-keyint_min"], options["-sc_threshold"]) == ("30", "30", "0")


@pytest.mark.parametrize("gop_s", [0.0, 0.51, 1.01])
def test_a_gop_that_is_no_whole_number_of_frames_is_refused(gop_s: float) -> None:
    with pytest.raises(UsageError, match="gop_s"):
        testcard.publish_argv("x", Card(fps=30, gop_s=gop_s), FONTS)


def test_a_card_without_audio_has_no_audio() -> None:
    argv = testcard.render_argv(Path("x.mp4"), 2, Card(audio=False), FONTS)
    assert argv.count("-i") == 1
    assert "aac" not in argv


def test_only_a_wall_clock_card_depends_on_the_time_it_is_made() -> None:
    assert "RTCTIME" in testcard.moving_graph(Card(), FONTS)
    assert "RTCTIME" not in testcard.moving_graph(Card(wall_clock=False), FONTS)


def test_every_size_gives_boxes_of_at_least_a_pixel() -> None:
    graph = testcard.still_graph(Card(size=Size(320, 160)), FONTS)
    assert not re.search(r":[wh]=(0|-\d+)\b", graph), "to drawbox, 0 means the whole picture"


# -- fonts


def test_missing_fonts_are_named_with_their_package(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fonts-dejavu-core"):
        testcard.find_fonts([str(tmp_path)])


def test_fonts_are_found_in_the_first_folder_that_has_both(tmp_path: Path) -> None:
    for folder, names in (("a", ["DejaVuSans-Bold.ttf"]), ("b", ["DejaVuSans-Bold.ttf", "DejaVuSansMono-Bold.ttf"])):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).touch()
    assert testcard.find_fonts([str(tmp_path / "a"), str(tmp_path / "b")]).bold == tmp_path / "b/DejaVuSans-Bold.ttf"
