"""Thumbnails: sheets of small pictures from segments that are encoded already, and WebVTT that says when each is shown.

A cue's text is `SHEET.jpg#xywh=X,Y,WIDTH,HEIGHT` (https://www.w3.org/TR/media-frags/#naming-space), as video players
read it. Only keyframes are decoded, one for each picture, of the smallest rung.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from panocast.ffmpeg import Input, Options, Output, command
from panocast.ladder import Size
from panocast.threads import in_thread
from transcoder.encode import Span
from transcoder.publish import Piece
from transcoder.workplace import Workplace, each

WIDTH_PX = 160
COLUMNS = 10
# Pictures stand so far apart that a sheet of any recording stays at some hundred kilobytes.
MOST, LEAST_APART_S = 100, 2.0
# Segments are a few milliseconds shorter or longer than asked for.
SLACK_S = 0.1
CUES = "thumbnails.vtt"


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of the recording, shown from `start_s`: the first of a stored segment."""

    start_s: float
    init_digest: str
    init_key: str
    segment_key: str
    size: Size


@dataclass(frozen=True, slots=True)
class Sheet:
    """Pictures of one size and encoding in one JPEG: a new encoding begins a new sheet."""

    name: str
    shots: tuple[Shot, ...]

    @property
    def picture(self) -> Size:
        """The size of each picture."""
        return self.shots[0].size

    @property
    def layout(self) -> Size:
        """Columns and rows."""
        return Size(min(COLUMNS, len(self.shots)), math.ceil(len(self.shots) / COLUMNS))

    def place(self, number: int) -> tuple[int, int]:
        """Left and top of a picture in pixels; they are numbered from 0."""
        return number % COLUMNS * self.picture.width, number // COLUMNS * self.picture.height


def choose(found: Sequence[Piece], width: int, whole: Span | None = None) -> list[Shot]:
    """The pictures of a recording, evenly spread; its pieces in order, their rung `width`; the `whole` may be more."""
    whole = whole or Span(found[0].span.start_s, found[-1].span.end_s)
    zero_s = whole.start_s
    apart_s = max(LEAST_APART_S, whole.duration_s / MOST) - SLACK_S
    shots: list[Shot] = []
    for piece in found:
        rung = piece.rungs[width]
        folder = f"{piece.prefix}{rung.folder}/"
        size = rung.picture.scaled_to(min(WIDTH_PX, width))
        start_s = piece.span.start_s - zero_s
        for segment in rung.segments:
            if not shots or start_s >= shots[-1].start_s + apart_s:
                shots.append(Shot(start_s, rung.init_digest, f"{folder}init.mp4", folder + segment.name, size))
            start_s += segment.duration_s
    return shots


def lay_out(shots: Sequence[Shot]) -> list[Sheet]:
    """The sheets that hold these pictures: one, unless the encoding changes on the way."""
    alike: dict[str, list[Shot]] = {}
    for shot in shots:
        alike.setdefault(shot.init_digest, []).append(shot)
    return [Sheet(f"thumbnails-{number}.jpg", tuple(group)) for number, group in enumerate(alike.values())]


def cues(sheets: Sequence[Sheet], duration_s: float) -> str:
    """WebVTT that says when each picture is shown."""
    every = [(shot.start_s, sheet, number) for sheet in sheets for number, shot in enumerate(sheet.shots)]
    placed = sorted(every, key=lambda shot: shot[0])
    ends_s = [start_s for start_s, _, _ in placed[1:]] + [max(duration_s, placed[-1][0])]
    blocks = ["WEBVTT"]
    for (start_s, sheet, number), end_s in zip(placed, ends_s, strict=True):
        x, y = sheet.place(number)
        box = f"{x},{y},{sheet.picture.width},{sheet.picture.height}"
        blocks.append(f"{_clock(start_s)} --> {_clock(end_s)}\n{sheet.name}#xywh={box}")
    return "\n\n".join([*blocks, ""])


def sheet_argv(url: str, sheet: Sheet) -> list[str]:
    """Make a sheet from its segments (after their init segment, in one file)."""
    source = Input(url, {"f": "mov", "protocol_whitelist": "file", "skip_frame": "nokey"})
    picture, layout = sheet.picture, sheet.layout
    whole = Size(picture.width * layout.width, picture.height * layout.height)
    prepare: list[tuple[str, Options]] = [
        ("scale", {"w": picture.width, "h": picture.height, "flags": "bicubic"}),
        ("tile", {"layout": str(layout)}),
    ]
    options: Options = {"frames:v": 1, "c:v": "mjpeg", "q:v": 5, "pix_fmt": "yuvj420p", "f": "image2", "update": 1}
    return command(source, [Output(sheet.name, whole, audio=False, options=options)], prepare=prepare, threads=1)


async def make_thumbnails(
    place: Workplace, found: Sequence[Piece], width: int, folder: Path, whole: Span
) -> tuple[str, ...]:
    """Make sheets and cues in `folder` from pieces of the `whole`; gives their names."""
    sheets = lay_out(choose(found, width, whole))
    for sheet in sheets:
        await _make(place, sheet, folder)
    (folder / CUES).write_text(cues(sheets, whole.duration_s))
    return (CUES, *(sheet.name for sheet in sheets))


async def _make(place: Workplace, sheet: Sheet, folder: Path) -> None:
    keys = [sheet.shots[0].init_key, *(shot.segment_key for shot in sheet.shots)]
    files = [(key, folder / f"{number:03d}.m4s") for number, key in enumerate(keys)]
    await each(files, lambda file: place.egress.get_file(*file))
    joined = folder / "shots.mp4"
    await in_thread(_join, [path for _, path in files], joined)
    await place.ffmpeg(sheet_argv(joined.name, sheet), cwd=folder, what=sheet.name)
    joined.unlink()


def _join(paths: Sequence[Path], joined: Path) -> None:
    """One file of several, which go."""
    with joined.open("wb") as file:
        for path in paths:
            file.write(path.read_bytes())
            path.unlink()


def _clock(at_s: float) -> str:
    """A time as WebVTT writes it."""
    at_ms = round(at_s * 1000)
    return f"{at_ms // 3_600_000:02d}:{at_ms // 60_000 % 60:02d}:{at_ms // 1000 % 60:02d}.{at_ms % 1000:03d}"
