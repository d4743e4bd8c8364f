"""The keyframes of a part of a recording, by what they are: the same one has the same mark on both origins."""

from __future__ import annotations

from pathlib import Path

from panocast.fence import Fence, looking
from panocast.probe import input_options
from panocast.process import Command, run
from panocast.sandbox import sandboxed
from panocast.settings import TranscoderSettings
from panocast.threads import in_thread

TIMEOUT_S = 120.0
# Enough to tell keyframes of one event apart, and short enough to be kept for each.
DIGITS = 16


def marks_argv(path: Path, max_pixels: int) -> list[str]:
    """The argv that lists each packet of the pictures: when it is shown, its flags, its digest."""
    options = [str(w) for key, value in input_options("mov", max_pixels=max_pixels).items() for w in (f"-{key}", value)]
    show = ["-select_streams", "v:0", "-show_data_hash", "murmur3", "-show_entries", "packet=pts_time,flags,data_hash"]
    return ["ffprobe", "-hide_banner", "-loglevel", "error", *options, *show, "-of", "csv=p=0", str(path)]


async def read_marks(path: Path, settings: TranscoderSettings) -> tuple[tuple[float, str], ...]:
    """When each keyframe of a part (an absolute path) is shown, in seconds, and its mark."""
    found: list[tuple[float, str]] = []

    def take(line: str) -> None:
        fields = line.strip().split(",")
        if len(fields) >= 3 and "K" in fields[1] and (digest := fields[2].rpartition(":")[2]):
            found.append((round(float(fields[0]), 6), digest[:DIGITS]))

    size = (await in_thread(path.stat)).st_size
    fence = Fence(looking(size), sandboxed(settings.fence), reads=[path])
    argv = marks_argv(path, settings.max_pixels)
    await run(Command("ffprobe of keyframes", argv, fence=fence), timeout_s=TIMEOUT_S, on_stdout=take)
    return tuple(found)
