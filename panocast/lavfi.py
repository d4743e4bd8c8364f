"""Graphs for ffmpeg's libavfilter as text: escaping, filters with options, and drawing in degrees."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


def escaped(value: str) -> str:
    """`value` as the value of a filter's option in a graph: escaped for the option list, then for the graph."""
    option = re.sub(r"[\\':]", r"\\\g<0>", value)
    return re.sub(r"[\\'\[\],;]", r"\\\g<0>", option)


def lavfi(name: str, **options: str | float | Path) -> str:
    """A filter with its options, escaped, as it stands in a graph."""
    return f"{name}=" + ":".join(f"{key}={escaped(str(value))}" for key, value in options.items())


@dataclass(frozen=True, slots=True)
class Canvas:
    """Draws in degrees: x to the right and y up from a point that lies at (x_px, y_px) of the picture."""

    px_per_deg: float
    x_px: float
    y_px: float

    def box(self, left: float, top: float, width: float, height: float, color: str, enable: str = "1") -> str:
        """A filled box of at least a pixel. Its edges are rounded, not its size, so that neighbours touch."""
        x0, x1 = (round(self.x_px + at * self.px_per_deg) for at in (left, left + width))
        y0, y1 = (round(self.y_px - at * self.px_per_deg) for at in (top, top - height))
        gate = {} if enable == "1" else {"enable": enable}
        return lavfi("drawbox", x=x0, y=y0, w=max(1, x1 - x0), h=max(1, y1 - y0), color=color, t="fill", **gate)

    def text(
        self, x: float, y: float, size: float, font: Path, text: str, *, color: str = "white", live: bool = False
    ) -> str:
        """Text with its middle at (x, y) and letters of `size` degrees; `live` expands %{…} for every frame."""
        return lavfi(
            "drawtext",
            fontfile=font,
            text=text,
            expansion="normal" if live else "none",
            fontsize=round(size * self.px_per_deg),
            fontcolor=color,
            x=f"{self.x_px + x * self.px_per_deg:.1f}-text_w/2",
            y=f"{self.y_px - y * self.px_per_deg:.1f}-text_h/2",
        )
