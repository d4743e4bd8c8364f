"""The player as it goes over the wire: its own files without comments and blanks, which are a third of it."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import rcssmin
import rjsmin
import segno

from panocast.errors import UsageError

FILES = ("index.html", "icon.svg", "style.css")


def publish_page(player: Path, folder: Path) -> None:
    """Copy the page's own files into `folder`, scripts and styles lean; raises UsageError where there is no player."""
    fresh = folder.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        (fresh / "src").mkdir(parents=True)
        for path in (*(player / name for name in FILES), *sorted((player / "src").glob("*.js"))):
            (fresh / path.relative_to(player)).write_bytes(lean(path))
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


def lean(path: Path) -> bytes:
    """A file of the player's own as it is sent: scripts and styles without comments and needless blanks."""
    match path.suffix:
        case ".js":
            return str(rjsmin.jsmin(path.read_text())).encode()
        case ".css":
            return str(rcssmin.cssmin(path.read_text())).encode()
        case _:
            return path.read_bytes()
