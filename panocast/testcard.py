"""The 360° test card: argv parts for ffmpeg, which draws it, films it and plays the tone.

An equirectangular picture with a grid, a patch of its own colour for each of six directions, a ball that circles the
horizon, a frame counter, a clock for people and one for machines (`panocast.testcard_clock`), and a flash with a beep
once a second. What stands still is drawn once and looped, so that a card costs little more than its encoding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from panocast.errors import UsageError
from panocast.ladder import Size
from panocast.lavfi import Canvas, lavfi
from panocast.testcard_clock import (
    BITS,
    FIRST_BIT,
    GUARDS,
    PARITY,
    ROW_BOTTOM_DEG,
    ROW_TOP_DEG,
    SQUARE_DEG,
    SQUARES,
    square_left_deg,
)

Rgb = tuple[int, int, int]

DIRECTIONS: dict[str, tuple[float, float, Rgb]] = {
    "FRONT": (0, 0, (0, 130, 60)),
    "RIGHT": (90, 0, (205, 30, 45)),
    "BACK": (180, 0, (115, 40, 170)),
    "LEFT": (-90, 0, (20, 85, 205)),
    "UP": (0, 90, (0, 150, 185)),
    "DOWN": (0, -90, (200, 95, 0)),
}
"""Yaw and pitch in degrees, and the colour of the patch: flat and free of lettering within 2° of that point."""

PATCH_WIDTH_DEG = 66.0
PATCH_HEIGHT_DEG = 36.0
FLASH_YAW_DEG, FLASH_PITCH_DEG, FLASH_SIZE_DEG = 29.5, 13.5, 4.0
"""The middle and the side of the square that is white for the first `BEEP_S` of every second, and black else."""

BEEP_S = 0.1
BEEP_HZ = 1000
AUDIO_RATE_HZ = 48_000
BALL_PERIOD_S = 12
BALL_PITCH_DEG = 23.0

_SKY, _HORIZON, _HAZE, _GROUND = (8, 12, 30), (62, 100, 150), (36, 46, 58), (8, 10, 14)
_LINE = "0xA9CBFF"
_RIM_DEG = 0.6
_FONT_DIRS = (
    "/usr/share/fonts/truetype/dejavu",  # Debian, Ubuntu
    "/usr/share/fonts/dejavu-sans-fonts",  # Fedora
    "/usr/share/fonts/TTF",  # Arch
)
_BOLD, _MONO = "DejaVuSans-Bold.ttf", "DejaVuSansMono-Bold.ttf"


@dataclass(frozen=True, slots=True)
class Card:
    """A test card. With `wall_clock` its clocks show UTC at the moment a frame is made; without, the time since the
    first frame, and two runs give the same pictures. `gop_s` must be a whole number of frames."""

    size: Size = field(default_factory=lambda: Size(1920, 960))
    fps: int = 30
    gop_s: float = 2.0
    bitrate_bps: int = 4_000_000
    wall_clock: bool = True
    audio: bool = True

    @property
    def gop_frames(self) -> int:
        """Frames from keyframe to keyframe; raises UsageError when `gop_s` is not a whole number of them."""
        frames = round(self.gop_s * self.fps)
        if frames < 1 or not math.isclose(frames, self.gop_s * self.fps, rel_tol=1e-9):
            raise UsageError(f"gop_s = {self.gop_s}: not a whole number of frames at {self.fps} frames/s")
        return frames


@dataclass(frozen=True, slots=True)
class Fonts:
    """The font files the card is lettered with."""

    bold: Path
    mono: Path


def find_fonts(folders: Sequence[str] = _FONT_DIRS) -> Fonts:
    """The DejaVu fonts of this machine; raises UsageError, naming the package, when there are none."""
    for folder in map(Path, folders):
        fonts = Fonts(folder / _BOLD, folder / _MONO)
        if fonts.bold.is_file() and fonts.mono.is_file():
            return fonts
    raise UsageError("the test card needs the DejaVu fonts: install the package fonts-dejavu-core (make install does)")


def publish_argv(url: str, card: Card, fonts: Fonts) -> list[str]:
    """The argv that publishes the card to an RTMP `url`, at the speed of the clock, until it is stopped."""
    return [*_argv(card, fonts, realtime=True), "-f", "flv", "-flvflags", "no_duration_filesize", url]


def render_argv(path: Path, duration_s: float, card: Card, fonts: Fonts) -> list[str]:
    """The argv that renders `duration_s` seconds of the card to an MP4 file, as fast as it goes."""
    frames = round(duration_s * card.fps)
    return [*_argv(card, fonts, realtime=False), "-t", f"{frames / card.fps:.6f}", "-f", "mp4", "-y", str(path)]


def _argv(card: Card, fonts: Fonts, *, realtime: bool) -> list[str]:
    """ffmpeg with inputs, filters and encoders; the output's format and place are still to come."""
    pace = ["-re"] if realtime else []
    argv = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "level+warning"]
    argv += [*pace, "-f", "lavfi", "-i", still_graph(card, fonts)]
    if card.audio:
        argv += [*pace, "-f", "lavfi", "-i", tone_graph()]
    # Frames get their clock after the pacing (-re acts on inputs), so that it tells when a frame leaves.
    argv += ["-filter_complex", f"[0:v]{moving_graph(card, fonts)}[v]", "-map", "[v]"]
    argv += _video_encoder(card)
    # Slices in threads, which zerolatency brings, make the rate control depend on who is faster.
    argv += [] if realtime else ["-x264-params", "sliced-threads=0"]
    if card.audio:
        argv += ["-map", "1:a", "-c:a", "aac", "-b:a", "128k", "-ar", str(AUDIO_RATE_HZ), "-ac", "2"]
    return argv


def _video_encoder(card: Card) -> list[str]:
    gop = str(card.gop_frames)
    rate = str(card.bitrate_bps)
    return [
        *("-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-pix_fmt", "yuv420p"),
        *("-tune", "zerolatency"),  # no look-ahead, no B-frames: a frame leaves as soon as it is made
        # A keyframe every gop_frames and never one more: scene cuts would add their own.
        *("-g", gop, "-keyint_min", gop, "-sc_threshold", "0"),
        *("-b:v", rate, "-maxrate", rate, "-bufsize", rate),
    ]


def _sphere(size: Size, yaw_deg: float = 0, pitch_deg: float = 0) -> Canvas:
    """The whole equirectangular picture, with (0, 0) in the given direction."""
    px_per_deg = size.width / 360
    return Canvas(px_per_deg, size.width / 2 + yaw_deg * px_per_deg, (90 - pitch_deg) * size.height / 180)


def _hex(rgb: Rgb) -> str:
    return "0x{:02X}{:02X}{:02X}".format(*rgb)


# -------------------------------------------------------------------------------------------------- what stands still


def still_graph(card: Card, fonts: Fonts) -> str:
    """A lavfi source of what stands still: drawn once, in RGB, then looped as 4:2:0 BT.709 at the card's rate."""
    size = card.size
    level = [part for name in ("FRONT", "RIGHT", "BACK", "LEFT") for part in _level_patch(name, size, fonts)]
    layers = [
        ",".join([*_background(card), *_grid(size, fonts), *level, *_clock_face(size)]) + "[level]",
        f"{_pole_patch('UP', size, fonts)}[up]",
        f"{_pole_patch('DOWN', size, fonts)}[down]",
        "[level][up]overlay=format=gbrp[half]",
        "[half][down]overlay=format=gbrp,"
        "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,"
        "setsar=1,"
        "loop=loop=-1:size=1,setpts=N/FRAME_RATE/TB",
    ]
    return ";".join(layers)


def _background(card: Card) -> list[str]:
    """One frame of dusk, the horizon brightest: a column of two pixels' width, pulled wide."""
    width, height = card.size.width, card.size.height
    shades = {
        channel: f"if(lt(Y,H/2),lerp({_SKY[i]},{_HORIZON[i]},pow(2*Y/H,1.5)),lerp({_HAZE[i]},{_GROUND[i]},2*Y/H-1))"
        for i, channel in enumerate("rgb")
    }
    return [
        f"color=size=2x{height}:rate={card.fps}",
        "trim=end_frame=1",
        "format=gbrp",
        lavfi("geq", **shades),
        lavfi("scale", w=width, h=height),
    ]


def _grid(size: Size, fonts: Fonts) -> list[str]:
    """Meridians and parallels every 10 degrees, every third one strong and named."""
    sphere = _sphere(size)
    line = max(1, round(size.width / 1920)) / sphere.px_per_deg
    parts = []
    for yaw in range(-180, 180, 10):
        parts.append(sphere.box(yaw - line / 2, 90, line, 180, _line(yaw)))
    for pitch in range(-80, 90, 10):
        parts.append(sphere.box(-180, pitch + line / 2, 360, line, _line(pitch)))
    for yaw in range(-150, 180, 30):
        parts += [sphere.text(yaw + 3.2, pitch + 1.6, 2.4, fonts.mono, f"{yaw}°", color=_LINE) for pitch in (30, -30)]
    for yaw in (-135, -45, 45, 135):
        parts += [
            sphere.text(yaw + 2.8, pitch + 1.6, 2.4, fonts.mono, f"{pitch}°", color=_LINE) for pitch in (60, 0, -60)
        ]
    return parts


def _line(degrees: int) -> str:
    return f"{_LINE}@{0.45 if degrees % 30 == 0 else 0.16}"


def _patch(name: str, canvas: Canvas, fonts: Fonts) -> list[str]:
    """A direction's patch around (0, 0): the word above, its angles below; FRONT keeps its lower half for the clock."""
    yaw, pitch, rgb = DIRECTIONS[name]
    width, height, rim = PATCH_WIDTH_DEG, PATCH_HEIGHT_DEG, _RIM_DEG
    parts = [
        canvas.box(-width / 2 - rim, height / 2 + rim, width + 2 * rim, height + 2 * rim, "white"),
        canvas.box(-width / 2, height / 2, width, height, _hex(rgb)),
        canvas.text(0, 9.5, 13, fonts.bold, name),
    ]
    if name != "FRONT":
        parts.append(canvas.text(0, -9, 5, fonts.mono, f"yaw {yaw:.0f}°  pitch {pitch:.0f}°"))
    return parts


def _level_patch(name: str, size: Size, fonts: Fonts) -> list[str]:
    """A patch on the horizon; BACK lies across the seam and is drawn at both ends."""
    yaw = DIRECTIONS[name][0]
    ends = (-180, 180) if yaw == 180 else (yaw,)
    return [part for end in ends for part in _patch(name, _sphere(size, end), fonts)]


def _pole_patch(name: str, size: Size, fonts: Fonts) -> str:
    """A source with a patch at a pole, drawn flat and laid on the sphere, so that it looks square from inside."""
    pitch = DIRECTIONS[name][1]
    px_per_deg = size.width / 360
    half_width, half_height = (side / 2 + _RIM_DEG for side in (PATCH_WIDTH_DEG, PATCH_HEIGHT_DEG))
    width, height = (2 * round(half * px_per_deg) for half in (half_width, half_height))
    canvas = Canvas(px_per_deg, width / 2, height / 2)
    # On a flat picture degrees are not evenly spaced; the field of view is what gives its middle our px_per_deg.
    fov = [2 * math.degrees(math.atan(math.radians(half))) for half in (half_width, half_height)]
    return ",".join(
        [
            f"color=size={width}x{height}:duration=1:rate=1:color=black,trim=end_frame=1,format=gbrp",
            *_patch(name, canvas, fonts),
            "format=gbrap",
            lavfi(
                "v360",
                input="flat",
                output="e",
                w=size.width,
                h=size.height,
                pitch=-pitch,
                ih_fov=f"{fov[0]:.3f}",
                iv_fov=f"{fov[1]:.3f}",
                alpha_mask=1,
            ),
        ]
    )


def _clock_face(size: Size) -> list[str]:
    """What of the clock and the flash never changes: black squares to light up, and the guards."""
    sphere = _sphere(size)
    row_height = ROW_TOP_DEG - ROW_BOTTOM_DEG
    left = square_left_deg(0)
    return [
        sphere.box(left - 0.5, ROW_TOP_DEG + 0.5, SQUARES * SQUARE_DEG + 1, row_height + 1, "black"),
        *[_square(sphere, index, "white") for index, is_white in GUARDS.items() if is_white],
        _flash(sphere, "black"),
    ]


# -------------------------------------------------------------------------------------------------------- what moves

_CLOCK_MS = "floor(t*1000+0.5)"  # t is a whole number of milliseconds, but a floating one


def moving_graph(card: Card, fonts: Fonts) -> str:
    """A chain that draws what changes from frame to frame, and hands frames on at the card's steady rate."""
    now = "trunc(RTCTIME/1000)" if card.wall_clock else "round(N*1000/FRAME_RATE)"
    front = _sphere(card.size)
    seconds, zone = r"%{pts:gmtime:0:%H\:%M\:%S}", " UTC" if card.wall_clock else ""
    return ",".join(
        [
            "settb=1/1000",
            lavfi("setpts", expr=now),
            *[_square(front, FIRST_BIT + i, "white", bit_expr(BITS - 1 - i)) for i in range(BITS)],
            _square(front, PARITY, "white", parity_expr()),
            _flash(front, "white", f"lt(mod(n,{card.fps}),{max(1, round(BEEP_S * card.fps))})"),
            front.text(0, -10.6, 4.6, fonts.mono, f"{seconds}.%{{eif:mod({_CLOCK_MS},1000):d:3}}{zone}", live=True),
            front.text(0, -15, 3.8, fonts.mono, "frame %{eif:n:d:7}", live=True),
            *_ball(card.size, fonts),
            f"settb=1/{card.fps}",
            "setpts=N",
            # What the colours mean does not come through a lavfi input, so it is said here.
            "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709",
        ]
    )


def bit_expr(bit: int) -> str:
    """ffmpeg's expression for a bit (0 is the lowest) of the clock in milliseconds."""
    return f"mod(floor({_CLOCK_MS}/{1 << bit}),2)"


def parity_expr() -> str:
    """ffmpeg's expression for what makes the number of white squares even."""
    return f"mod({'+'.join(bit_expr(bit) for bit in range(BITS))},2)"


def _square(sphere: Canvas, index: int, color: str, enable: str = "1") -> str:
    return sphere.box(square_left_deg(index), ROW_TOP_DEG, SQUARE_DEG, ROW_TOP_DEG - ROW_BOTTOM_DEG, color, enable)


def _flash(sphere: Canvas, color: str, enable: str = "1") -> str:
    half = FLASH_SIZE_DEG / 2
    return sphere.box(FLASH_YAW_DEG - half, FLASH_PITCH_DEG + half, FLASH_SIZE_DEG, FLASH_SIZE_DEG, color, enable)


def _ball(size: Size, fonts: Fonts) -> list[str]:
    """A ball that circles the sphere once in `BALL_PERIOD_S`; twice, so that it comes back in where it goes out."""
    sphere = _sphere(size)
    left = f"mod(mod(t/{BALL_PERIOD_S},1)*w+w-text_w/2,w)"
    common: dict[str, str | float | Path] = {
        "fontfile": fonts.bold,
        "text": "●",
        "fontsize": round(9 * sphere.px_per_deg),
        "fontcolor": "white",
        "y": f"{sphere.y_px - BALL_PITCH_DEG * sphere.px_per_deg:.1f}-text_h/2",
    }
    return [lavfi("drawtext", **common, x=x) for x in (left, f"{left}-w")]


def tone_graph() -> str:
    """A lavfi source of silence with a beep in the first `BEEP_S` of every second, in two channels."""
    tone = f"0.4*sin(2*PI*{BEEP_HZ}*t)*lt(mod(t,1),{BEEP_S})"
    return lavfi("aevalsrc", exprs=f"{tone}|{tone}", sample_rate=AUDIO_RATE_HZ)
