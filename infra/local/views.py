"""`panocast views`: where the viewers of an asset looked, as a picture."""

from __future__ import annotations

import io
import re
from pathlib import Path

from PIL import Image

from edge.config import edge_paths
from edge.views import draw, read_views
from panocast.errors import NotFoundError, UsageError
from panocast.layout import SESSION_ID, Session, is_stream_name
from panocast.projection import UPRIGHT, Projection, Stereo
from panocast.settings import Settings
from panocast.store import Store, open_store
from transcoder.publish import Asset


def write_map(settings: Settings, name: str, output: Path) -> int:
    """Draw the map of an asset (NAME/SESSION) to a PNG; gives the seconds of watching in it.

    Raises UsageError when there is no such asset, when nobody told anything, or when the file cannot be written.
    """
    asset, poster = _read(open_store(settings.egress_url), name)
    cells = read_views(edge_paths(settings).beacons, asset.id)
    if not cells:
        setting = "" if settings.edge.viewing_directions else ": set edge.viewing_directions = true first"
        raise UsageError(f"no viewer has told where they looked in {asset.id}{setting}")
    try:
        output.write_bytes(draw(cells, poster))
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error
    return sum(cells.values())


def _read(egress: Store, name: str) -> tuple[Asset, bytes | None]:
    """An asset, and its poster where that is a map of directions."""
    stream, _, session = name.partition("/")
    if not is_stream_name(stream) or not re.fullmatch(SESSION_ID, session):
        raise UsageError(f"{name[:120]!r} is not an asset such as my-event/20261120T084641Z-primary")
    at = Session(stream, session)
    try:
        asset = Asset.model_validate_json(egress.get_bytes(at.asset_key)[0])
        poster = egress.get_bytes(at.vod_prefix + asset.poster)[0] if asset.poster else None
    except NotFoundError as error:
        raise UsageError(f"there is no asset {name}: /vod/catalog.json lists them") from error
    flat = asset.projection is Projection.EQUIRECTANGULAR and asset.orientation == UPRIGHT
    return asset, _one_eye(poster, asset.stereo) if poster and flat else None


def _one_eye(poster: bytes, stereo: Stereo) -> bytes:
    """The left eye's half of a picture."""
    if stereo is Stereo.MONO:
        return poster
    picture = Image.open(io.BytesIO(poster))
    width, height = picture.size
    half = (width, height // 2) if stereo is Stereo.TOP_BOTTOM else (width // 2, height)
    cut = io.BytesIO()
    picture.crop((0, 0, *half)).save(cut, "PNG")
    return cut.getvalue()
