"""What goes with a recording: thumbnails and captions, as files beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.e2e.player_site import run

SHEET_COLUMNS = 4
THUMBNAIL = (160, 80)

CAPTIONS = """WEBVTT

00:00.000 --> 00:06.000
Welcome to the <i>harbour</i>.

00:06.000 --> 00:20.000
Look around: the ships are behind you.
"""


async def make_thumbnails(film: Path, folder: Path, seconds: int, every_s: int = 2) -> None:
    """`thumbnails.jpg`, a sheet of small pictures of the film, and `thumbnails.vtt`, which says when each was."""
    width, height = THUMBNAIL
    count = -(-seconds // every_s)
    rows = -(-count // SHEET_COLUMNS)
    picture = f"fps=1/{every_s}:start_time=0:round=down,scale={width}:{height},tile={SHEET_COLUMNS}x{rows}"
    await run("ffmpeg", "-v", "error", "-y", "-i", film, "-vf", picture, "-frames:v", "1", folder / "thumbnails.jpg")
    cues = ["WEBVTT"]
    for number in range(count):
        ends_s = number * every_s, min(seconds, (number + 1) * every_s)
        start, end = (f"{at_s // 60:02d}:{at_s % 60:02d}.000" for at_s in ends_s)
        x, y = number % SHEET_COLUMNS * width, number // SHEET_COLUMNS * height
        cues.append(f"{start} --> {end}\nthumbnails.jpg#xywh={x},{y},{width},{height}")
    await asyncio.to_thread((folder / "thumbnails.vtt").write_text, "\n\n".join(cues) + "\n")


async def make_captions(folder: Path) -> None:
    """`captions.vtt`."""
    await asyncio.to_thread((folder / "captions.vtt").write_text, CAPTIONS)
