"""What workers tell each other through the egress store: one marker for each part, one for the session as a whole.

A marker is put once, if absent, when everything it names is stored: whose marker it is has won, and only what a marker
names is ever published.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from panocast.ladder import Size
from panocast.layout import Session
from panocast.probe import AudioTrack

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
    """A sound put aside as it is: where it starts on the clock, its channels and how ffmpeg names their layout, codec
    and samples per second (None and 0 where an older version put it aside)."""

    start_s: float
    channels: int
    layout: str | None = None
    codec: str | None = None
    sample_rate: int = 0

    @classmethod
    def of(cls, track: AudioTrack, start_s: float) -> Self:
        """The sound of a track, starting at `start_s` on the clock."""
        return cls(
            start_s=start_s,
            channels=track.channels,
            layout=track.layout,
            codec=track.codec,
            sample_rate=track.sample_rate,
        )

    @property
    def form(self) -> tuple[object, ...]:
        """What one decoder can go on with: sounds of the same form may stand in one file after the other."""
        return self.codec, self.sample_rate, self.channels, self.layout


class PartMarker(_Marker):
    """A part is transcoded by `attempt` (or cannot be, for the reason `failed`); times on the recording's clock.
    `marks` are its source's keyframes: when each is shown, and a digest of its bytes."""

    attempt: str
    start_s: float = 0.0
    end_s: float = 0.0
    frames: int = 0
    frame_rate: FractionText = Fraction(30)
    rungs: tuple[RungRendition, ...] = ()
    sound: Sound | None = None
    marks: tuple[tuple[float, str], ...] = ()
    failed: str | None = None

    def later(self, by_s: float) -> PartMarker:
        """The same part at another place on the clock; its media are where they were."""
        sound = self.sound and self.sound.model_copy(update={"start_s": self.sound.start_s + by_s})
        moved = {"start_s": self.start_s + by_s, "end_s": self.end_s + by_s, "sound": sound}
        return self.model_copy(update=moved)


class Filler(_Marker):
    """Pictures in place of those that a recording lacks: black ones, or `frames` of its partner's; `before` is the part
    that follows them."""

    before: int
    start_s: float
    end_s: float
    rungs: tuple[RungRendition, ...]
    frames: int = 0


class WholeMarker(_Marker):
    """What is made from a session as a whole by `attempt`: its sound, a poster picture, thumbnails (names of files, the
    WebVTT first), pictures where parts miss, and the seconds by which parts are later than they were, where pictures of
    a partner stand before them."""

    attempt: str
    audio: Rendition | None = None
    channels: int = 0
    poster: bool = False
    thumbnails: tuple[str, ...] = ()
    fillers: tuple[Filler, ...] = ()
    later_s: Mapping[int, float] = {}


def part_marker_key(session: Session, number: int) -> str:
    """The egress key of a part's marker."""
    return f"{session.work_prefix}{number:04d}.json"


def whole_marker_key(session: Session, edition: str) -> str:
    """The egress key of the marker for what is made from the whole session, as far as an edition of its asset goes."""
    return f"{session.work_prefix}whole-{edition}.json"


def part_prefix(session: Session, number: int) -> str:
    """The egress prefix of all attempts at a part."""
    return f"{session.work_prefix}{number:04d}/"


def part_attempt_prefix(session: Session, number: int, attempt: str) -> str:
    """The egress prefix of what one attempt at a part stores."""
    return f"{part_prefix(session, number)}{attempt}/"


def whole_attempt_prefix(session: Session, attempt: str) -> str:
    """The egress prefix of what one attempt at the whole stores."""
    return f"{session.work_prefix}whole/{attempt}/"
