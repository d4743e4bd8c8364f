"""How a sphere is laid out in a flat picture: what it is called, and how it is found out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from panocast.ladder import Size


class Projection(StrEnum):
    """The layouts panocast names."""

    EQUIRECTANGULAR = "equirectangular"
    DUAL_FISHEYE = "dual-fisheye"
    CUBEMAP = "cubemap"
    EAC = "eac"
    HALF_EQUIRECTANGULAR = "half-equirectangular"


class Stereo(StrEnum):
    """Where the two eyes' pictures are."""

    MONO = "mono"
    TOP_BOTTOM = "top-bottom"
    LEFT_RIGHT = "left-right"


HalfTurn = Annotated[float, Field(ge=-180, le=180)]
QuarterTurn = Annotated[float, Field(ge=-90, le=90)]


@dataclass(frozen=True, slots=True)
class Orientation:
    """How the camera was turned, in degrees, in the sense of the `prhd` box (Spherical Video V2)."""

    yaw_deg: HalfTurn = 0.0
    pitch_deg: QuarterTurn = 0.0
    roll_deg: HalfTurn = 0.0


UPRIGHT = Orientation()

# What ffprobe calls them in its side data, read from v1 XML or v2 boxes (libavutil/spherical.c, stereo3d.c).
_FFPROBE_PROJECTIONS = {
    "equirectangular": Projection.EQUIRECTANGULAR,
    "tiled equirectangular": Projection.EQUIRECTANGULAR,
    "half equirectangular": Projection.HALF_EQUIRECTANGULAR,
    "cubemap": Projection.CUBEMAP,
    "fisheye": Projection.DUAL_FISHEYE,
}
_FFPROBE_STEREO = {"2d": Stereo.MONO, "top and bottom": Stereo.TOP_BOTTOM, "side by side": Stereo.LEFT_RIGHT}
_XML_STEREO = {b"mono": Stereo.MONO, b"top-bottom": Stereo.TOP_BOTTOM, b"left-right": Stereo.LEFT_RIGHT}


def read_spherical(
    side_data: Iterable[Mapping[str, Any]], head: bytes = b""
) -> tuple[Projection | None, Stereo | None]:
    """Projection and stereo mode as the file itself tells them; None for what it does not tell.

    `side_data` is ffprobe's list for the video track, `head` bytes of the file that may hold v1 XML.
    """
    projection: Projection | None = None
    stereo: Stereo | None = None
    for entry in side_data:
        projection = projection or _FFPROBE_PROJECTIONS.get(str(entry.get("projection", "")).lower())
        if "Stereo 3D" in str(entry.get("side_data_type", "")):
            stereo = _FFPROBE_STEREO.get(str(entry.get("type", "")).lower(), stereo)
    if projection is None and b"<GSpherical:ProjectionType>equirectangular<" in head:
        projection = Projection.EQUIRECTANGULAR
    if stereo is None and (match := re.search(rb"<GSpherical:StereoMode>([a-z-]+)<", head)):
        stereo = _XML_STEREO.get(match[1])
    return projection, stereo


def read_orientation(side_data: Iterable[Mapping[str, Any]]) -> Orientation:
    """How the file says that the camera was turned, out of ffprobe's side data for the video track: whole degrees."""
    turned = next((entry for entry in side_data if entry.get("side_data_type") == "Spherical Mapping"), {})
    angles = {name: turned.get(name) for name in ("yaw", "pitch", "roll")}
    degrees = {name: angle if isinstance(angle, int) and abs(angle) <= 360 else 0 for name, angle in angles.items()}
    pitch_deg = max(-90, min(90, degrees["pitch"]))
    return Orientation(_half_turn(degrees["yaw"]), float(pitch_deg), _half_turn(degrees["roll"]))


def _half_turn(angle_deg: int) -> float:
    """An angle as -180 to 179 degrees: version one of the metadata counts to 360."""
    return float((angle_deg + 180) % 360 - 180)


def guess_stereo(size: Size) -> Stereo:
    """The stereo mode an equirectangular picture's shape suggests: 2:1 is one eye, 1:1 two above each other, 4:1 two
    beside each other."""
    ratio = size.width / size.height
    if ratio < 1.3:
        return Stereo.TOP_BOTTOM
    return Stereo.LEFT_RIGHT if ratio > 3 else Stereo.MONO
