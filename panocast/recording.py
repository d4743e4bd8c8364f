"""What the origin (or the cutting of an upload) says about a recording when it closes it, and the transcoder reads."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from panocast.projection import UPRIGHT, Orientation, Projection, Stereo


class SourceInfo(BaseModel):
    """What the probe said of the source: pixels, frames per second, codec names as ffmpeg spells them."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    video_codec: str | None = None
    audio_codec: str | None = None


class EndMarker(BaseModel):
    """`end.json`: the recording is complete, in parts 1 to `parts`; times in seconds.

    Each part is an MP4 that carries its place on the recording's clock in its own timestamps. With each part in `seams`
    the encoder came back, or recording, after it had been away: what was sent meanwhile is missing, and takes no time
    on this clock. `ended` is when the last frame came. An encoder that comes back makes a marker with more parts, in
    place of this.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    session: str
    parts: int = Field(ge=0)
    duration_s: float = Field(ge=0)
    started: datetime
    origin: Literal["primary", "backup", "upload"]
    title: str | None = None
    projection: Projection = Projection.EQUIRECTANGULAR
    stereo: Stereo = Stereo.MONO
    orientation: Orientation = UPRIGHT
    source: SourceInfo = SourceInfo()
    seams: tuple[int, ...] = ()
    ended: datetime | None = None
