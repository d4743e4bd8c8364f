"""One recorded FLV file, or a stretch of it: what it holds, and its way to a well-formed MP4 that stands in its place
on the clock."""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from origin.clock import Beat
from origin.flv import Kind, copy_stretch, read_tags
from panocast.codecs import AUDIO, RTMP_AUDIO, VIDEO, whitelist
from panocast.fence import Fence, FenceMode, copying
from panocast.ffmpeg import Input, Options, Output, command
from panocast.process import Command, run
from panocast.sandbox import refuse_links, sandboxed

log = logging.getLogger(__name__)

H264 = 7
# FLV's numbers of sound formats that MP4 carries as they are: MP3 and AAC. Others are encoded.
_KEPT_AUDIO = {2, 10}
REMUX_TIMEOUT_S = 300.0
WORK_SUFFIX = ".work"


@dataclass(frozen=True, slots=True)
class Flv:
    """What one file, or a stretch of it, holds: times in ms on the file's clock. Behind the whole GOPs comes the tag at
    the offset `cut`, 0 where there is none yet."""

    beat: Beat
    video_codec: int | None
    audio_codec: int | None
    end_ms: int
    video_headers: int
    cut: int = 0

    @property
    def usable(self) -> bool:
        """Whether it has pictures that panocast takes."""
        return bool(self.beat.video_ms) and self.video_codec == H264


def read_flv(path: Path, begin: int = 0, end: int | None = None) -> Flv:
    """Read the times of a file, or of its tags from offset `begin` to `end`; one that was cut off anywhere, even an
    empty one, holds what is whole. Raises OSError."""
    video: list[int] = []
    audio: list[int] = []
    headers: set[bytes] = set()
    video_codec = audio_codec = None
    end_ms = cut = at = 0
    with path.open("rb") as file:
        for tag, behind in read_tags(file):
            if end is not None and behind > end:
                break
            if tag.kind is Kind.VIDEO_HEADER:
                headers = {*(headers if at >= begin else ()), tag.header}
            elif at < begin:
                pass
            elif tag.kind is Kind.VIDEO:
                if tag.keyframe and video:
                    cut = at
                video.append(tag.time_ms)
                video_codec = tag.codec
                end_ms = max(end_ms, tag.time_ms)
            elif tag.kind is Kind.AUDIO:
                audio.append(tag.time_ms)
                audio_codec = tag.codec
            at = behind
    last_step = video[-1] - video[-2] if len(video) > 1 else 0
    beat = Beat(video_ms=tuple(video), audio_ms=tuple(audio))
    return Flv(beat, video_codec, audio_codec, end_ms + last_step, len(headers), cut)


def cut_out(path: Path, begin: int, end: int | None, target: Path) -> None:
    """Make a file of a stretch of another. Raises OSError."""
    with path.open("rb") as source, target.open("wb") as file:
        copy_stretch(source, begin, path.stat().st_size if end is None else end, file)


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
    before: Options = {
        "f": "flv",
        "copyts": None,
        "fflags": "+discardcorrupt",
        "protocol_whitelist": "file",
        "codec_whitelist": whitelist(VIDEO, AUDIO, RTMP_AUDIO),
    }
    output = Output(f"file:{target}", "copy", flv.audio_codec is not None, options)
    return command(Input(f"file:{source}", before), [output])


async def remux(source: Path, flv: Flv, start_ms: int, target: Path, *, fence: FenceMode = "auto") -> None:
    """Make the MP4, fenced into a folder of its own. Raises ProcessError, LimitError or TemporaryError."""
    folder = target.with_suffix(WORK_SUFFIX)
    folder.mkdir()
    try:
        made = folder / target.name
        size = (await asyncio.to_thread(source.stat)).st_size
        fenced = Fence(copying(size), sandboxed(fence), folder=folder, reads=[source])
        command = Command(f"remux of {source.name}", remux_argv(source, flv, start_ms, made), fence=fenced)
        await run(command, timeout_s=REMUX_TIMEOUT_S, on_stdout=lambda _: None)
        refuse_links(folder)
        made.replace(target)
    finally:
        shutil.rmtree(folder)
