"""The player as it goes over the wire: its own files without their comments, which are a quarter of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from panocast.errors import UsageError

FILES = ("index.html", "style.css", "icon.svg")


def publish_page(player: Path, folder: Path) -> None:
    """Copy the page's own files into `folder`, scripts without comments; raises UsageError where there is no player."""
    fresh = folder.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        (fresh / "src").mkdir(parents=True)
        for name in FILES:
            shutil.copyfile(player / name, fresh / name)
        for script in sorted((player / "src").glob("*.js")):
            (fresh / "src" / script.name).write_text(without_comments(script.read_text()))
    except OSError as error:
        raise UsageError(f"the player cannot be served from {player}: {error}") from error
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def without_comments(script: str) -> str:
    """JavaScript without the comments that have lines of their own; those beside code stay, for telling them from
    strings takes a parser. Lines become empty rather than fewer, so that errors name the right ones."""
    lines, inside = [], False
    for line in script.splitlines():
        text = line.strip()
        inside = inside or text.startswith("/*")
        comment = inside or text.startswith("//")
        if inside and "*/" in text:
            inside = False
            comment = text.endswith("*/") and text.count("*/") == 1
        lines.append("" if comment else line)
    return "\n".join([*lines, ""])
