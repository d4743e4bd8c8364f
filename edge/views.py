"""Where viewers looked: their reports added up for one asset, and drawn as a map of heat. Pure, but for reading the
log."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image, ImageFilter, ImageOps
from pydantic import ValidationError

from edge.beacons import COLUMNS, ROWS, Kept, older

Cells = Mapping[tuple[int, int], int]
WIDTH_PX = 1440
_CELL_PX = WIDTH_PX // COLUMNS
# A cell is ten degrees, and so is the blur.
_BLUR_PX = _CELL_PX * 0.5
_STRONGEST = 0.75


def read_views(log: Path, asset: str) -> Cells:
    """Seconds by column and row of the direction, of all reports of an asset (NAME/SESSION) that are still kept."""
    seconds: Counter[tuple[int, int]] = Counter()
    for path in (older(log), log):
        try:
            with path.open() as lines:
                _add(seconds, lines, asset)
        except FileNotFoundError:
            continue
    return seconds


def _add(seconds: Counter[tuple[int, int]], lines: Iterable[str], asset: str) -> None:
    for line in lines:
        if f'"{asset}"' not in line:
            continue
        try:
            told = Kept.model_validate_json(line)
        except ValidationError:  # the last line, where a power cut came in between
            continue
        if told.stream == asset:
            for column, row, count in told.views:
                seconds[column, row] += count


def density(cells: Cells) -> list[float]:
    """How much each cell was looked at, from 0 to 1, by rows: seconds for each part of the sphere, of which cells near
    the poles cover less."""
    found = [
        cells.get((column, row), 0) / math.cos(math.radians(90 - (row + 0.5) * 180 / ROWS))
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]
    most = max(found)
    return [value / most for value in found] if most else found


def draw(cells: Cells, picture: bytes | None) -> bytes:
    """A PNG of the directions over `picture` (equirectangular, one eye), or over black where there is none."""
    size = (WIDTH_PX, WIDTH_PX // 2)
    if picture is None:
        ground = Image.new("RGB", size)
    else:
        ground = ImageOps.grayscale(Image.open(io.BytesIO(picture))).convert("RGB").resize(size)
    heat = _heat(density(cells)).resize((WIDTH_PX + 2 * _CELL_PX, size[1]), Image.Resampling.BICUBIC)
    heat = heat.filter(ImageFilter.GaussianBlur(_BLUR_PX)).crop((_CELL_PX, 0, _CELL_PX + WIDTH_PX, size[1]))
    heat = ImageOps.autocontrast(heat) if cells else heat
    colours = ImageOps.colorize(heat, black="#2030ff", mid="#20e070", white="#ff2010", midpoint=110)
    mask = heat.point([min(255, round(_STRONGEST * 255 * (level / 255) ** 0.5)) for level in range(256)])
    drawn = io.BytesIO()
    Image.composite(colours, ground, mask).save(drawn, "PNG")
    return drawn.getvalue()


def _heat(values: list[float]) -> Image.Image:
    """A grey pixel for each cell, and on both sides a column of what lies around the corner: it is a circle."""
    heat = Image.new("L", (COLUMNS + 2, ROWS))
    for index, value in enumerate(values):
        row, column = divmod(index, COLUMNS)
        level = round(255 * value)
        heat.putpixel((column + 1, row), level)
        if column == 0:
            heat.putpixel((COLUMNS + 1, row), level)
        if column == COLUMNS - 1:
            heat.putpixel((0, row), level)
    return heat
