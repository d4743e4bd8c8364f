"""What workers tell each other through the egress store: one marker for each part, one for the session as a whole.

A marker is put once, if absent, when everything it names is stored: whose marker it is has won, and only what a marker
names is ever published.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from panocast.ladder import Size
from panocast.layout import Session

FractionText = Annotated[Fraction, BeforeValidator(Fraction), PlainSerializer(str, return_type=str)]


class _Marker(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class SegmentFile(_Marker):
    """One stored segment: file name in its rendition's folder, seconds, bytes."""

    name: str
    duration_s: float
    size: int


class Rendition(_Marker):
    """One encoded output: folder below its attempt, init segment `init.mp4` (by its digest), segments in order."""

    folder: str
    init_digest: str
    init_size: int
    codecs: str
    segments: tuple[SegmentFile, ...]


class RungRendition(Rendition):
    """The rendition of a rung: its picture's size in pixels."""

    width: int
    height: int

    @property
    def picture(self) -> Size:
        """The picture's size."""
        return Size(self.width, self.height)


class Sound(_Marker):
    """The sound of a part, put aside as it is in `audio.mov`: where it starts on the clock, channels."""

    start_s: float
    channels: int


class PartMarker(_Marker):
    """A part is transcoded by `attempt` (or cannot be, for the reason `failed`); times on the recording's clock."""

    attempt: str
    start_s: float = 0.0
    end_s: float = 0.0
    frames: int = 0
    frame_rate: FractionText = Fraction(30)
    rungs: tuple[RungRendition, ...] = ()
    sound: Sound | None = None
    failed: str | None = None


class Filler(_Marker):
    """Black pictures in place of parts that could not be decoded; `before` is the part that follows them."""

    before: int
    start_s: float
    end_s: float
    rungs: tuple[RungRendition, ...]


class WholeMarker(_Marker):
    """What is made from a session as a whole by `attempt`: its sound, a poster picture, pictures where parts miss."""

    attempt: str
    audio: Rendition | None = None
    channels: int = 0
    poster: bool = False
    fillers: tuple[Filler, ...] = ()


def part_marker_key(session: Session, number: int) -> str:
    """The egress key of a part's marker."""
    return f"{session.work_prefix}{number:04d}.json"


def whole_marker_key(session: Session) -> str:
    """The egress key of the marker for what is made from the whole session."""
    return f"{session.work_prefix}whole.json"


def part_attempt_prefix(session: Session, number: int, attempt: str) -> str:
    """The egress prefix of what one attempt at a part stores."""
    return f"{session.work_prefix}{number:04d}/{attempt}/"


def whole_attempt_prefix(session: Session, attempt: str) -> str:
    """The egress prefix of what one attempt at the whole stores."""
    return f"{session.work_prefix}whole/{attempt}/"
