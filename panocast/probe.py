"""What a media file is: its container by its first bytes, its tracks by ffprobe, and refusals in words.

A file is never opened by what ffmpeg guesses from its content: `x.mp4` that holds a playlist would make it read other
files. The container is sniffed here and its demuxer forced, with only the `file` protocol allowed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from panocast.errors import RefusedError
from panocast.ladder import Size
from panocast.process import Command, ProcessError, run
from panocast.projection import Projection, Stereo, guess_stereo, read_spherical

SNIFF_BYTES = 4096
PROBE_TIMEOUT_S = 60.0
_TS_PACKET = 188
_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}


def sniff_container(head: bytes) -> str:
    """The demuxer for a file that starts with `head` (4096 bytes or the whole file): mov, matroska, mpegts or flv.

    Raises RefusedError, saying what the file looks like instead.
    """
    if not head:
        raise RefusedError("the file is empty")
    if head[4:8] in _MP4_BOXES:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head.startswith(b"FLV\x01"):
        return "flv"
    if head[0] == 0x47 and all(head[i] == 0x47 for i in range(0, min(len(head), 5 * _TS_PACKET), _TS_PACKET)):
        return "mpegts"
    raise RefusedError(f"the file is {_looks_like(head)}; panocast takes MP4/MOV, Matroska/WebM, MPEG-TS and FLV")


def _looks_like(head: bytes) -> str:
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"#EXTM3U"):
        return "an HLS playlist, not a video"
    if head.lstrip().startswith(b"ffconcat"):
        return "an ffconcat script, not a video"
    if b"\x00" not in head and all(byte >= 0x20 or byte in b"\t\r\n\x0c" for byte in head[:512]):
        return "text, not a video"
    return f"of an unknown container (it starts with {head[:8].hex(' ')})"


def input_options(container: str, *, max_pixels: int) -> dict[str, str | int | None]:
    """The options that must stand before -i of any foreign file: forced demuxer, files only, bounded pictures."""
    return {"f": container, "protocol_whitelist": "file", "max_pixels": max_pixels}


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """A video track: codec as ffmpeg names it, size in pixels as displayed, frames per second, its colours' matrix as
    ffmpeg names it where it is tagged with one."""

    codec: str
    size: Size
    frame_rate: Fraction
    frames: int | None
    start_s: float
    duration_s: float = 0.0
    color_space: str | None = None


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """An audio track: codec as ffmpeg names it, channels, samples per second."""

    codec: str
    channels: int
    sample_rate: int
    start_s: float


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file holds: it starts at `start_s` on its own clock and lasts `duration_s`, both in seconds."""

    container: str
    start_s: float
    duration_s: float
    video: VideoTrack | None
    audio: AudioTrack | None
    projection: Projection
    stereo: Stereo

    def require_video(self) -> VideoTrack:
        """The video track; RefusedError in words when there is none that can be shown."""
        if self.video is None:
            raise RefusedError("the file has no video track" + (", only audio" if self.audio else ""))
        return self.video


class _Stream(BaseModel):
    codec_type: str = ""
    codec_name: str = "unknown"
    width: int = 0
    height: int = 0
    avg_frame_rate: str = "0/0"
    r_frame_rate: str = "0/0"
    nb_frames: int | None = None
    start_time: float = 0.0
    duration: float = 0.0
    channels: int = 0
    sample_rate: int = 0
    color_space: str | None = None
    disposition: dict[str, int] = {}
    side_data_list: list[dict[str, Any]] = []


class _Format(BaseModel):
    start_time: float = 0.0
    duration: float = 0.0


class _Probed(BaseModel):
    streams: list[_Stream] = []
    format: _Format = _Format()


async def probe(path: Path, *, max_pixels: int) -> MediaInfo:
    """Probe a local file (an absolute path). Raises RefusedError when it is nothing that panocast can take."""
    container = sniff_container(_head(path))
    options = [
        str(word)
        for key, value in input_options(container, max_pixels=max_pixels).items()
        for word in (f"-{key}", value)
    ]
    argv = ["ffprobe", "-hide_banner", "-loglevel", "error", *options, "-of", "json", "-show_streams", "-show_format"]
    try:
        lines = await run(Command("ffprobe", [*argv, str(path)]), timeout_s=PROBE_TIMEOUT_S)
    except ProcessError as error:
        said = error.tail[-1].replace(f"{path}: ", "") if error.tail else f"exit code {error.code}"
        raise RefusedError(f"the file cannot be read: {said}") from error
    return parse_probe(container, "\n".join(lines), spherical=_spherical_boxes(path))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SNIFF_BYTES)


def parse_probe(container: str, text: str, *, spherical: bytes = b"") -> MediaInfo:
    """MediaInfo from ffprobe's JSON; `spherical` is what the file may hold of spherical metadata (v1 XML)."""
    try:
        probed = _Probed.model_validate_json(text)
    except ValidationError as error:
        raise RefusedError(f"ffprobe's answer makes no sense: {error.errors()[0]['msg']}") from error
    video = next((s for s in probed.streams if s.codec_type == "video" and not s.disposition.get("attached_pic")), None)
    audio = next((s for s in probed.streams if s.codec_type == "audio" and s.sample_rate > 0), None)
    track = _video_track(video) if video and video.width > 0 and video.height > 0 else None
    side_data = video.side_data_list if video else []
    told_projection, told_stereo = read_spherical(side_data, spherical)
    return MediaInfo(
        container=container,
        start_s=probed.format.start_time,
        # A track's own duration where it has one: an MP4's overall one counts the empty edit before its start.
        duration_s=max((s.duration for s in probed.streams), default=0.0) or probed.format.duration,
        video=track,
        audio=AudioTrack(audio.codec_name, audio.channels, audio.sample_rate, audio.start_time) if audio else None,
        projection=told_projection or Projection.EQUIRECTANGULAR,
        stereo=told_stereo or (guess_stereo(track.size) if track else Stereo.MONO),
    )


def _video_track(stream: _Stream) -> VideoTrack:
    size = Size(stream.width, stream.height)
    rotation = next((int(d["rotation"]) for d in stream.side_data_list if "rotation" in d), 0)
    if rotation % 180:
        size = Size(size.height, size.width)
    rate = _fraction(stream.avg_frame_rate) or _fraction(stream.r_frame_rate) or Fraction(30)
    tagged = stream.color_space if stream.color_space not in ("unknown", "reserved", "gbr") else None
    return VideoTrack(
        stream.codec_name, size, rate, stream.nb_frames, stream.start_time, stream.duration, color_space=tagged
    )


def _fraction(text: str) -> Fraction | None:
    above, _, below = text.partition("/")
    try:
        value = Fraction(int(above), int(below or 1))
    except (ValueError, ZeroDivisionError):
        return None
    return value if 0 < value <= 1000 and math.isfinite(value) else None


def _spherical_boxes(path: Path) -> bytes:
    """The stretch of the file that may hold v1 spherical XML: it stands in moov, near one end of the file."""
    span = 1 << 20
    with path.open("rb") as file:
        head = file.read(span)
        size = file.seek(0, 2)
        file.seek(max(len(head), size - span))
        return head + file.read(span)
