"""The clock on the test card that machines read: 16 bits of milliseconds as black and white squares.

The row stands just below the word FRONT. From left to right: white, black (guards), 16 bits with the highest first,
one parity square (the number of white squares among bits and parity is even), black, white (guards). Everything here
is geometry and arithmetic; reading pixels is the caller's business.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from panocast.errors import PanocastError

BITS = 16
PERIOD_MS = 1 << BITS
"""The clock starts again after this many milliseconds (65.5 s)."""

SQUARE_DEG = 3.0
"""Width of a square: 16 pixels of a 1920 wide picture, 4 of a 480 wide one."""

ROW_TOP_DEG = -3.5
ROW_BOTTOM_DEG = -7.5

_GUARD_LEFT = (True, False)
_GUARD_RIGHT = (False, True)
SQUARES = len(_GUARD_LEFT) + BITS + 1 + len(_GUARD_RIGHT)
FIRST_BIT = len(_GUARD_LEFT)
PARITY = FIRST_BIT + BITS
GUARDS = {
    **dict(enumerate(_GUARD_LEFT)),
    **{PARITY + 1 + i: white for i, white in enumerate(_GUARD_RIGHT)},
}
"""Which squares never change, and whether they are white."""

_MIN_CONTRAST = 64


class ClockUnreadableError(PanocastError):
    """What was sampled is not the clock: too little contrast, wrong guards or a parity error."""


@dataclass(frozen=True, slots=True)
class Direction:
    """A direction on the sphere in degrees: yaw to the right of FRONT, pitch above the horizon."""

    yaw_deg: float
    pitch_deg: float


def square_left_deg(index: int) -> float:
    """The yaw of a square's left edge."""
    return (index - SQUARES / 2) * SQUARE_DEG


def clock_directions() -> list[Direction]:
    """The middle of every square, left to right: where to sample luma for `read_clock`."""
    pitch = (ROW_TOP_DEG + ROW_BOTTOM_DEG) / 2
    return [Direction(square_left_deg(i) + SQUARE_DEG / 2, pitch) for i in range(SQUARES)]


def read_clock(lumas: Sequence[float]) -> int:
    """The clock in milliseconds modulo `PERIOD_MS`, from one luma (0 to 255) for each of `clock_directions`.

    Raises ClockUnreadableError when the samples are not a clock.
    """
    if len(lumas) != SQUARES:
        raise ClockUnreadableError(f"expected {SQUARES} samples, got {len(lumas)}")
    white = [lumas[i] for i, is_white in GUARDS.items() if is_white]
    black = [lumas[i] for i, is_white in GUARDS.items() if not is_white]
    if min(white) - max(black) < _MIN_CONTRAST:
        raise ClockUnreadableError(f"guard squares are not white and black: {white}, {black}")
    middle = (min(white) + max(black)) / 2
    bits = [luma > middle for luma in lumas[FIRST_BIT : PARITY + 1]]
    if sum(bits) % 2:
        raise ClockUnreadableError(f"parity error in {''.join('01'[b] for b in bits)}")
    return sum(1 << (BITS - 1 - i) for i, bit in enumerate(bits[:BITS]) if bit)


def clock_squares(clock_ms: int) -> list[bool]:
    """What the row shows at `clock_ms`, True for white: the inverse of `read_clock`."""
    bits = [bool(clock_ms >> (BITS - 1 - i) & 1) for i in range(BITS)]
    return [*_GUARD_LEFT, *bits, bool(sum(bits) % 2), *_GUARD_RIGHT]


def elapsed_ms(earlier_ms: int, later_ms: int) -> int:
    """Milliseconds from one reading to a later one, less than `PERIOD_MS` apart."""
    return (later_ms - earlier_ms) % PERIOD_MS


def equirect_xy(at: Direction, width: int, height: int) -> tuple[int, int]:
    """The pixel of an equirectangular picture (width by height pixels, the whole sphere) that shows `at`."""
    x = math.floor((at.yaw_deg / 360 + 0.5) * width) % width
    y = math.floor((0.5 - at.pitch_deg / 180) * height)
    return x, min(max(y, 0), height - 1)


def perspective_xy(at: Direction, width: int, height: int, vertical_fov_deg: float) -> tuple[int, int]:
    """The pixel of a player's view (width by height pixels, looking at FRONT, level) that shows `at`.

    A-Frame's camera has a vertical field of view of 80 degrees unless told otherwise. `at` must be within the view.
    """
    focal = height / 2 / math.tan(math.radians(vertical_fov_deg) / 2)
    yaw, pitch = math.radians(at.yaw_deg), math.radians(at.pitch_deg)
    x = width / 2 + focal * math.tan(yaw)
    y = height / 2 - focal * math.tan(pitch) / math.cos(yaw)
    return math.floor(x), math.floor(y)
