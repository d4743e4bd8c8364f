"""What an origin tells its peer and the edges about one live stream: its timeline, its rungs, its recent segments.

`GET /feed/NAME` on an origin answers with a Feed, `?after=EPOCH.VERSION` waits until there is a newer one. Two origins
on one timeline give the same segment the same number, name, date and media times; then their feeds differ only in
what each of them has, and a mirror may take any segment from either.

Times are whole milliseconds. `date_ms` counts from the Unix epoch on the timeline's clock, which is the wall clock of
the origin that began it. The first picture of a segment is shown at the media time `date_ms - zero_ms`, in every rung
(its `tfdt` is a little earlier where there are B-frames).
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from panocast.layout import STREAM_NAME, inner
from panocast.projection import Projection, Stereo

WAIT_S = 5.0
"""How long an origin keeps a request for news waiting before it answers with what there is."""

TIMELINE_ID = re.compile(r"[0-9a-f]{8}")
SEGMENT_NAME = re.compile(r"(?P<timeline>[0-9a-f]{8})-(?P<number>[0-9]{1,15})\.m4s")
INIT_NAME = re.compile(r"init-[0-9a-f]{12}\.mp4")
FILE_NAME = re.compile(f"{inner(INIT_NAME)}|{inner(SEGMENT_NAME)}")


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class State(StrEnum):
    """Where a stream is: accepted, but without a segment yet; going on; without its encoder, for now; over."""

    STARTING = "starting"
    LIVE = "live"
    PAUSED = "paused"
    ENDED = "ended"


class RungFile(_Told):
    """One segment of one rung as an origin has it: the name of its init segment, its size in bytes."""

    init: Annotated[str, Field(pattern=rf"^{INIT_NAME.pattern}$")]
    size: Annotated[int, Field(gt=0, le=1 << 30)]


class FeedSegment(_Told):
    """One segment of every rung. `number` is its media sequence number, `discontinuity_sequence` how many seams came up
    to and including the one before which it stands; a width that is missing in `rungs` has a hole here, or is not
    there yet."""

    timeline: Annotated[str, Field(pattern=rf"^{TIMELINE_ID.pattern}$")]
    number: Annotated[int, Field(ge=0)]
    date_ms: int
    duration_ms: Annotated[int, Field(gt=0, le=600_000)]
    discontinuity: bool = False
    discontinuity_sequence: Annotated[int, Field(ge=0)] = 0
    rungs: dict[int, RungFile] = {}

    @property
    def name(self) -> str:
        """Its file name in the folder of every rung; no name is ever used for another segment."""
        return f"{self.timeline}-{self.number}.m4s"

    @property
    def end_ms(self) -> int:
        """The date at which the next one begins."""
        return self.date_ms + self.duration_ms


class Keyframe(_Told):
    """A keyframe of the passed-through source: the fingerprint of its bytes, which is the same on every origin."""

    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$")]
    date_ms: int


class FeedRung(_Told):
    """One rung as measured: bits/s with everything counted, codecs as RFC 6381 names them."""

    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    frame_rate: Annotated[float, Field(gt=0)]
    codecs: Annotated[str, Field(pattern=r"^[A-Za-z0-9.,]+$")]
    bandwidth_bps: Annotated[int, Field(gt=0)]
    average_bandwidth_bps: Annotated[int, Field(gt=0)] | None = None


class Feed(_Told):
    """One stream of one origin. `epoch` and `version` say which state of it this is: a version counts within one life
    of the agent. `timeline`, empty while it is not decided yet, is where the next segment will stand; `now_ms` is the
    sender's wall clock."""

    name: Annotated[str, Field(pattern=rf"^{STREAM_NAME.pattern}$")]
    role: str
    epoch: Annotated[str, Field(max_length=64)]
    version: int
    state: State
    now_ms: int
    timeline: str = ""
    zero_ms: int = 0
    target_duration_s: Annotated[int, Field(ge=1, le=600)] = 2
    rungs: tuple[FeedRung, ...] = ()
    segments: tuple[FeedSegment, ...] = ()
    keyframes: tuple[Keyframe, ...] = ()
    projection: Projection = Projection.EQUIRECTANGULAR
    stereo: Stereo = Stereo.MONO

    @property
    def cursor(self) -> str:
        """What to ask `after` for the next one."""
        return f"{self.epoch}.{self.version}"


def feed_path(name: str) -> str:
    """The path of a stream's feed on an origin."""
    return f"/feed/{name}"


def rung_folder(name: str, width: int) -> str:
    """The folder below /hls/ of a rung's media playlist (`index.m3u8`), init segments and segments."""
    return f"{name}_{width}"
