"""A QR code as text, for terminals."""

from __future__ import annotations

import segno
from rich.text import Text

_HALVES = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
_BORDER = 2


def qr_text(content: str) -> Text:
    """Black on white, whatever the terminal's colours: cameras read it best so. Two rows of the code to a line."""
    rows = [list(row) for row in segno.make(content, micro=False, error="l").matrix_iter(border=_BORDER)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    lines = ("".join(_HALVES[pair] for pair in zip(*rows[i : i + 2], strict=True)) for i in range(0, len(rows), 2))
    return Text("\n".join(lines), style="black on bright_white")
