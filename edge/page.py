"""The player as it goes over the wire: its own files without comments and blanks, which are a third of it, and what it
is told of its server."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import rcssmin
import rjsmin
import segno

from edge.config import EdgePaths
from panocast.errors import UsageError
from panocast.settings import EdgeSettings

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


def publish_site(paths: EdgePaths, edge: EdgeSettings) -> None:
    """Write what the page is told of its server, and where viewers find it as a picture, where that is known."""
    told = {
        "origins": edge.player_origins,
        "url": edge.public_url,
        "beacons": edge.beacons,
        "views": edge.beacons and edge.viewing_directions,
    }
    if edge.public_url:
        _replace(paths.qr_code, qr_code(edge.public_url))
    else:
        paths.qr_code.unlink(missing_ok=True)
    _replace(paths.site, json.dumps(told).encode())


def _replace(path: Path, data: bytes) -> None:
    """Put a file in place, whole: it may be served at this moment."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(data)
    fresh.replace(path)


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
