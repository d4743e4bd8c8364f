"""One recorded FLV file: what it holds, and its way to a well-formed MP4 that stands in its place on the clock."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from origin.clock import Beat
from origin.flv import Kind, read_tags
from panocast.ffmpeg import Input, Options, Output, command
from panocast.process import Command, run

log = logging.getLogger(__name__)

H264 = 7
# FLV's numbers of sound formats that MP4 carries as they are: MP3 and AAC. Others are encoded.
_KEPT_AUDIO = {2, 10}
REMUX_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Flv:
    """What one file holds, times in ms on its own clock."""

    beat: Beat
    video_codec: int | None
    audio_codec: int | None
    end_ms: int
    video_headers: int

    @property
    def usable(self) -> bool:
        """Whether it has pictures that panocast takes."""
        return bool(self.beat.video_ms) and self.video_codec == H264


def read_flv(path: Path) -> Flv:
    """Read a file's times; a file that was cut off anywhere, even an empty one, holds what is whole. Raises OSError."""
    video: list[int] = []
    audio: list[int] = []
    headers: set[bytes] = set()
    video_codec = audio_codec = None
    end_ms = 0
    with path.open("rb") as file:
        for tag, _ in read_tags(file):
            if tag.kind is Kind.VIDEO:
                video.append(tag.time_ms)
                video_codec = tag.codec
                end_ms = max(end_ms, tag.time_ms)
            elif tag.kind is Kind.AUDIO:
                audio.append(tag.time_ms)
                audio_codec = tag.codec
            elif tag.kind is Kind.VIDEO_HEADER:
                headers.add(tag.header)
    last_step = video[-1] - video[-2] if len(video) > 1 else 0
    beat = Beat(video_ms=tuple(video), audio_ms=tuple(audio))
    return Flv(beat, video_codec, audio_codec, end_ms + last_step, len(headers))


def remux_argv(source: Path, flv: Flv, start_ms: int, target: Path) -> list[str]:
    """The argv that makes an MP4 of an FLV, its clock starting at `start_ms`, without encoding."""
    options: dict[str, str | int | float | None] = {
        "f": "mp4",
        "c": "copy",
        # The place on the clock goes into the edit list, from where every reader gets it back as start_time.
        "output_ts_offset": f"{start_ms / 1000:.3f}",
        "avoid_negative_ts": "disabled",
        # Nothing of the moment or the machine in it: the same part is the same bytes, so storing it twice is once.
        "fflags": "+bitexact",
        "map_metadata": -1,
    }
    if flv.audio_codec is not None and flv.audio_codec not in _KEPT_AUDIO:
        options |= {"c:a": "aac", "b:a": 96_000}
    if flv.video_headers > 1:
        # The picture changed on the way: each keyframe must bring its own parameter sets.
        options |= {"bsf:v": "h264_mp4toannexb"}
    # The last frame of a file that was cut off is half a frame.
    before: Options = {"f": "flv", "copyts": None, "fflags": "+discardcorrupt"}
    output = Output(f"file:{target}", "copy", flv.audio_codec is not None, options)
    return command(Input(f"file:{source}", before), [output])


async def remux(source: Path, flv: Flv, start_ms: int, target: Path) -> None:
    """Make the MP4. Raises ProcessError or TemporaryError."""
    argv = remux_argv(source, flv, start_ms, target)
    await run(Command(f"remux of {source.name}", argv), timeout_s=REMUX_TIMEOUT_S, on_stdout=lambda _: None)
