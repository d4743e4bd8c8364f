"""Looking at media with ffmpeg and ffprobe: frames, timestamps, flashes and beeps of the test card."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from itertools import pairwise

from panocast.ladder import Size
from panocast.testcard import FLASH_PITCH_DEG, FLASH_YAW_DEG
from panocast.testcard_clock import Direction, equirect_xy

TIMEOUT_S = 120


async def output_of(*argv: str) -> tuple[str, str]:
    """Run a program to its end: what it wrote to stdout and stderr; an AssertionError when it fails."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"{argv[0]} failed: {err.decode(errors='replace')[-2000:]}"
    return out.decode(), err.decode(errors="replace")


async def frame_times(url: str, *, stream: str = "v:0", options: tuple[str, ...] = ()) -> list[float]:
    """The presentation times of every frame of a track in seconds, in order of presentation, as decoded."""
    out, _ = await output_of(
        *("ffprobe", "-v", "error", *options, "-select_streams", stream),
        *("-show_entries", "frame=pts_time,best_effort_timestamp_time", "-of", "json", url),
    )
    frames = json.loads(out)["frames"]
    return [float(f.get("pts_time") or f["best_effort_timestamp_time"]) for f in frames]


@dataclass(frozen=True, slots=True)
class Sync:
    """When each flash appears and each beep begins, in seconds on the medium's own clock."""

    flashes: list[float]
    beeps: list[float]

    def offsets(self, *, reach_s: float = 0.4) -> list[float]:
        """For each flash, how much later (seconds) its beep begins; flashes without one within `reach_s` left out."""
        pairs = [(flash, min(self.beeps, key=lambda beep: abs(beep - flash))) for flash in self.flashes]
        return [beep - flash for flash, beep in pairs if abs(beep - flash) < reach_s]


async def measure_sync(url: str, size: Size, *, video_only: bool = False) -> Sync:
    """Decode a test card and find its flashes and beeps. `size` is the picture's that ffmpeg will decode."""
    x, y = equirect_xy(Direction(FLASH_YAW_DEG, FLASH_PITCH_DEG), size.width, size.height)
    look = f"crop=2:2:{x}:{y},signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-"
    video, _ = await output_of(
        *("ffmpeg", "-v", "error", "-nostdin", "-copyts", "-i", url),
        *("-map", "0:v:0", "-fps_mode", "passthrough", "-vf", look, "-f", "null", "-"),
    )
    flashes = _rises([(float(t), float(v)) for t, v in _LUMA.findall(video)])
    if video_only:
        return Sync(flashes, [])
    _, sound = await output_of(
        *("ffmpeg", "-v", "info", "-nostdin", "-copyts", "-i", url),
        *("-map", "0:a:0", "-af", "silencedetect=noise=-35dB:d=0.4", "-f", "null", "-"),
    )
    return Sync(flashes, [float(t) for t in re.findall(r"silence_end: ([\d.]+)", sound)])


_LUMA = re.compile(r"pts_time:(\S+)\s+lavfi\.signalstats\.YAVG=(\S+)")


def _rises(samples: list[tuple[float, float]], threshold: float = 128) -> list[float]:
    """The times at which a sampled value goes from below to above `threshold`."""
    return [later[0] for earlier, later in pairwise(samples) if earlier[1] < threshold <= later[1]]
