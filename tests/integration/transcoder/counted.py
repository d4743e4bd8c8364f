"""Sources in which every frame says which it is, every second flashes and beeps, and a tone goes through without end.

The picture (320x160) carries its number in twelve squares and is white below them for the first frame of each second.
Left is the tone, right a beep that begins with each flash. So one transcoded clip tells whether frames are missing,
doubled, out of order or turned, whether sound and pictures are together, and whether the tone clicks.
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, BITS, SQUARE = 320, 160, 12, 24
TOP, LEFT = 16, 16
FLASH_TOP = 88
TONE_HZ, BEEP_HZ, BEEP_S, RATE_HZ = 440, 2000, 0.05, 48_000

Planes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Levels:
    """The values of black, grey and white in the luma of a source, and bits for each sample."""

    black: int = 16
    grey: int = 110
    white: int = 235
    bits: int = 8


def pictures(count: int, frames_per_s: int, levels: Levels, turns: int = 0) -> bytes:
    """`count` frames of planar 4:2:0, turned counter-clockwise by `turns` times 90 degrees as a phone stores them."""
    luma = np.empty((count, HEIGHT, WIDTH), np.uint16)
    columns = np.arange(WIDTH)[None, None, :]
    moving = (columns + 4 * np.arange(count)[:, None, None]) % WIDTH
    luma[:] = levels.black + (levels.grey - levels.black) * moving // WIDTH
    for bit in range(BITS):
        left = LEFT + bit * SQUARE
        on = (np.arange(count) >> bit) & 1
        luma[:, TOP : TOP + SQUARE, left : left + SQUARE] = np.where(on, levels.white, levels.black)[:, None, None]
    flashes = np.arange(count) % frames_per_s == 0
    luma[:, FLASH_TOP : FLASH_TOP + 32, 16:80] = np.where(flashes, levels.white, levels.black)[:, None, None]
    luma[:, FLASH_TOP : FLASH_TOP + 32, 96:160] = levels.grey
    luma[:, FLASH_TOP : FLASH_TOP + 32, 176:240] = levels.white
    kind = np.uint8 if levels.bits == 8 else np.dtype("<u2")
    turned = np.rot90(luma, turns, axes=(1, 2)).astype(kind)
    chroma = np.full(count * WIDTH * HEIGHT // 2, 1 << (levels.bits - 1), kind).reshape(count, -1)
    return np.concatenate([turned.reshape(count, -1), chroma], axis=1).tobytes()


def sound(
    seconds: float, *, first_s: float = 0.0, every_s: float = 1.0, ambisonic: bool = False, mono: bool = False
) -> bytes:
    """Float samples: tone and beeps as left and right, or as W, Y, Z, X of a sphere with them left and right, or
    nothing but beeps."""
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tone = 0.4 * np.sin(2 * np.pi * TONE_HZ * times)
    within = (times - first_s + 1e-9) % every_s
    beeping = (within < BEEP_S) & (times >= first_s - 1e-9)
    beep = np.where(beeping, 0.6 * np.sin(2 * np.pi * BEEP_HZ * within), 0.0)
    channels = [beep] if mono else [tone, beep]
    if ambisonic:
        nothing = np.zeros_like(tone)
        channels = [tone + beep, tone - beep, nothing, nothing]
    return np.stack(channels, axis=1).astype("<f4").tobytes()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a video shows: the number on each frame, the luma of its three patches (flash, grey, white), its pixels."""

    numbers: list[int]
    patches: NDArray[np.float64]
    chroma: NDArray[np.uint8]


def look(path: Path) -> Seen:
    """Decode a video and read its frames."""
    argv = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough"]
    raw = subprocess.run([*argv, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"], check=True, capture_output=True).stdout
    frames = np.frombuffer(raw, np.uint8).reshape(-1, WIDTH * HEIGHT * 3 // 2)
    luma = frames[:, : WIDTH * HEIGHT].reshape(-1, HEIGHT, WIDTH)

    def middle(top: int, left: int, size: int) -> NDArray[np.float64]:
        return np.asarray(luma[:, top + 8 : top + size - 8, left + 8 : left + size - 8].mean(axis=(1, 2)), np.float64)

    patches = np.stack([middle(FLASH_TOP, left, 32) for left in (32, 112, 192)], axis=1)
    threshold = patches[:, 2] / 2 + 8
    bits = [middle(TOP, LEFT + bit * SQUARE, SQUARE) > threshold for bit in range(BITS)]
    numbers = sum((found.astype(int) << bit for bit, found in enumerate(bits)), np.zeros(len(luma), int))
    return Seen(numbers.tolist(), patches, frames[:, WIDTH * HEIGHT :])


def frame_times(path: Path) -> list[float]:
    """When each frame of a video is shown, as decoded, in seconds on its own clock."""
    argv = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time"]
    out = subprocess.run([*argv, "-of", "csv=p=0", str(path)], check=True, capture_output=True, text=True).stdout
    return [float(line.strip(",")) for line in out.splitlines() if line.strip(",")]


def hear(path: Path, channels: int) -> NDArray[np.float32]:
    """The samples of a sound, one row for each channel."""
    argv = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-f", "f32le", "-ac", str(channels), "-"]
    raw = subprocess.run(argv, check=True, capture_output=True).stdout
    return np.frombuffer(raw, "<f4").reshape(-1, channels).T


def beeps(samples: NDArray[np.float32], start_s: float) -> list[float]:
    """When each beep begins, in seconds, for samples whose first one stands at `start_s`."""
    loud = np.abs(samples) > 0.25 * np.max(np.abs(samples))
    indexes = np.flatnonzero(loud)
    first = indexes[np.diff(indexes, prepend=-RATE_HZ) > RATE_HZ // 10] if len(indexes) else indexes
    return [start_s + int(index) / RATE_HZ for index in first]


def clicks(samples: NDArray[np.float32]) -> float:
    """How far the tone departs, anywhere, from what its own two samples before foretell, in shares of its height."""
    foretold = 2 * math.cos(2 * math.pi * TONE_HZ / RATE_HZ) * samples[1:-1] - samples[:-2]
    return float(np.max(np.abs(samples[2:] - foretold)) / np.max(np.abs(samples)))


def write(
    target: Path,
    video: Sequence[str],
    audio: Sequence[str] = (),
    *,
    count: int = 180,
    rate: Fraction = Fraction(30),
    levels: Levels = Levels(),
    turns: int = 0,
    samples: bytes = b"",
    channels: int = 2,
    pictures_from_s: float = 0.0,
) -> None:
    """Encode the pictures (and `samples`) with the options given; the pictures begin at `pictures_from_s`."""
    raw, wave = target.with_suffix(".yuv"), target.with_suffix(".f32")
    raw.write_bytes(pictures(count, round(rate), levels, turns))
    size = f"{HEIGHT}x{WIDTH}" if turns % 2 else f"{WIDTH}x{HEIGHT}"
    layout = "yuv420p" if levels.bits == 8 else f"yuv420p{levels.bits}le"
    argv = ["ffmpeg", "-v", "error", "-nostdin", "-y"]
    argv += ["-f", "rawvideo", "-s", size, "-pix_fmt", layout, "-r", str(rate), "-i", str(raw)]
    if samples:
        wave.write_bytes(samples)
        argv += ["-f", "f32le", "-ar", str(RATE_HZ), "-ac", str(channels), "-i", str(wave), *audio]
    if pictures_from_s:
        argv += ["-vf", f"setpts=PTS+{pictures_from_s}/TB", "-fps_mode", "passthrough"]
    subprocess.run([*argv, *video, str(target)], check=True)
    raw.unlink()
    wave.unlink(missing_ok=True)
