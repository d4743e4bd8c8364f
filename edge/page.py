"""The player as it goes over the wire: its own files without comments and indentation, which are a third of it."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

import segno

from panocast.errors import UsageError

FILES = ("index.html", "icon.svg")
LEAN = ("style.css",)

# What has a quote behind it may be part of a string.
_AT_THE_END = re.compile(r"(?<=\s)//[^'\"`]*$")
_TYPE = re.compile(r"/\*\* .*?\*/ ?")


def publish_page(player: Path, folder: Path) -> None:
    """Copy the page's own files into `folder`, scripts and styles lean; raises UsageError where there is no player."""
    fresh = folder.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        (fresh / "src").mkdir(parents=True)
        for name in FILES:
            shutil.copyfile(player / name, fresh / name)
        for path in (*(player / name for name in LEAN), *sorted((player / "src").glob("*.js"))):
            (fresh / path.relative_to(player)).write_text(lean(path.read_text()))
    except OSError as error:
        raise UsageError(f"the player cannot be served from {player}: {error}") from error
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def qr_code(url: str) -> bytes:
    """A URL as a picture for phones' cameras (SVG)."""
    picture = io.BytesIO()
    # Its light parts are drawn, too, for dark pages; xmldecl and the like would only be bytes.
    segno.make(url, micro=False).save(picture, kind="svg", scale=4, light="#fff", xmldecl=False)
    return picture.getvalue()


def lean(text: str) -> str:
    """JavaScript or CSS without indentation and comments: those on lines of their own, types in between, and what ends
    a line, unless a quote behind it makes it look like a string. Lines become empty rather than fewer, so that errors
    name the right ones."""
    lines, inside = [], False
    for line in text.splitlines():
        code = line.strip()
        inside = inside or (code.startswith("/*") and not _TYPE.match(code))
        comment = inside or code.startswith("//")
        if inside and "*/" in code:
            inside = False
            comment = code.endswith("*/") and code.count("*/") == 1
        lines.append("" if comment else _AT_THE_END.sub("", _TYPE.sub("", code)).rstrip())
    return "\n".join([*lines, ""])
