"""What a media file is: its container by its first bytes, its tracks by ffprobe, and refusals in words.

A file is never opened by what ffmpeg guesses from its content: `x.mp4` that holds a playlist would make it read other
files. The container is sniffed here and its demuxer forced, with only the `file` protocol allowed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from panocast.codecs import AUDIO, VIDEO, whitelist
from panocast.errors import RefusedError
from panocast.fence import Fence, FenceMode, looking
from panocast.ladder import Size
from panocast.process import Command, ProcessError, run
from panocast.projection import (
    UPRIGHT,
    Orientation,
    Projection,
    Stereo,
    guess_stereo,
    read_orientation,
    read_spherical,
)
from panocast.sandbox import sandboxed

SNIFF_BYTES = 4096
MAX_STREAMS = 64
PROBE_TIMEOUT_S = 60.0
_TOO_LARGE = re.compile(r"Picture size (\d+x\d+) exceeds")
_NOT_TAKEN = re.compile(r"Codec \((\w+)\) not on whitelist")
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
    """The options that must stand before -i of any foreign file: forced demuxer, files only, bounded pictures, few
    tracks, no decoder but those of codecs that panocast takes."""
    return {
        "f": container,
        "protocol_whitelist": "file",
        "max_pixels": max_pixels,
        "max_streams": MAX_STREAMS,
        "codec_whitelist": whitelist(VIDEO, AUDIO),
    }


@dataclass(frozen=True, slots=True)
class Colour:
    """What a picture is tagged with, as ffmpeg names it, None where it is not: matrix, transfer, primaries (ITU-T
    H.273); whether its values take the full range; the layout of its pixels."""

    matrix: str | None = None
    transfer: str | None = None
    primaries: str | None = None
    full_range: bool = False
    pixels: str | None = None


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """A video track: codec as ffmpeg names it, size in pixels as displayed, frames per second, colours."""

    codec: str
    size: Size
    frame_rate: Fraction
    frames: int | None
    start_s: float
    duration_s: float = 0.0
    colour: Colour = Colour()


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """An audio track: codec as ffmpeg names it, channels and the name of their layout where it has one, samples per
    second."""

    codec: str
    channels: int
    sample_rate: int
    start_s: float
    layout: str | None = None


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
    orientation: Orientation = UPRIGHT

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
    channel_layout: str | None = None
    color_space: str | None = None
    color_transfer: str | None = None
    color_primaries: str | None = None
    color_range: str | None = None
    pix_fmt: str | None = None
    disposition: dict[str, int] = {}
    side_data_list: list[dict[str, Any]] = []


class _Format(BaseModel):
    start_time: float = 0.0
    duration: float = 0.0


class _Probed(BaseModel):
    streams: list[_Stream] = []
    format: _Format = _Format()


async def probe(path: Path, *, max_pixels: int, fence: FenceMode = "auto") -> MediaInfo:
    """Probe a local file (an absolute path). Raises RefusedError when it is nothing that panocast can take."""
    container = sniff_container(_head(path))
    options = [
        str(word)
        for key, value in input_options(container, max_pixels=max_pixels).items()
        for word in (f"-{key}", value)
    ]
    argv = ["ffprobe", "-hide_banner", "-loglevel", "error", *options, "-of", "json", "-show_streams", "-show_format"]
    try:
        command = Command("ffprobe", [*argv, str(path)], fence=_fence(path, fence))
        lines = await run(command, timeout_s=PROBE_TIMEOUT_S)
    except ProcessError as error:
        raise RefusedError(_in_words(error, path, max_pixels)) from error
    return parse_probe(container, "\n".join(lines), spherical=_spherical_boxes(path))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SNIFF_BYTES)


def _fence(path: Path, mode: FenceMode) -> Fence:
    return Fence(looking(path.stat().st_size), sandboxed(mode), reads=[path])


def _in_words(error: ProcessError, path: Path, max_pixels: int) -> str:
    said = "\n".join(error.tail)
    if unknown := _NOT_TAKEN.search(said):
        return f"it holds {unknown[1]}, which panocast does not decode: convert it to H.264 and AAC"
    if large := _TOO_LARGE.search(said):
        return f"its pictures of {large[1]} have more than {max_pixels} pixels (setting transcoder.max_pixels)"
    last = error.tail[-1].replace(f"{path}: ", "") if error.tail else f"exit code {error.code}"
    return f"the file cannot be read: {last}"


def parse_probe(container: str, text: str, *, spherical: bytes = b"") -> MediaInfo:
    """MediaInfo from ffprobe's JSON; `spherical` is what the file may hold of spherical metadata (v1 XML)."""
    try:
        probed = _Probed.model_validate_json(text)
    except ValidationError as error:
        raise RefusedError(f"ffprobe's answer makes no sense: {error.errors()[0]['msg']}") from error
    video = next((s for s in probed.streams if s.codec_type == "video" and not s.disposition.get("attached_pic")), None)
    audio = next((s for s in probed.streams if s.codec_type == "audio" and s.sample_rate > 0), None)
    if video:
        _refuse_bare_dolby_vision(video)
    track = _video_track(video) if video and video.width > 0 and video.height > 0 else None
    side_data = video.side_data_list if video else []
    told_projection, told_stereo = read_spherical(side_data, spherical)
    return MediaInfo(
        container=container,
        start_s=probed.format.start_time,
        # A track's own duration where it has one: an MP4's overall one counts the empty edit before its start.
        duration_s=max((s.duration for s in probed.streams), default=0.0) or probed.format.duration,
        video=track,
        audio=_audio_track(audio) if audio else None,
        projection=told_projection or Projection.EQUIRECTANGULAR,
        stereo=told_stereo or (guess_stereo(track.size) if track else Stereo.MONO),
        orientation=read_orientation(side_data),
    )


def _video_track(stream: _Stream) -> VideoTrack:
    size = Size(stream.width, stream.height)
    rotation = next((int(d["rotation"]) for d in stream.side_data_list if "rotation" in d), 0)
    if rotation % 180:
        size = Size(size.height, size.width)
    rate = _fraction(stream.avg_frame_rate) or _fraction(stream.r_frame_rate) or Fraction(30)
    return VideoTrack(
        stream.codec_name, size, rate, stream.nb_frames, stream.start_time, stream.duration, _colour(stream)
    )


def _audio_track(stream: _Stream) -> AudioTrack:
    layout = stream.channel_layout
    return AudioTrack(stream.codec_name, stream.channels, stream.sample_rate, stream.start_time, layout)


def _colour(stream: _Stream) -> Colour:
    tags = (stream.color_space, stream.color_transfer, stream.color_primaries)
    matrix, transfer, primaries = (None if tag in ("unknown", "reserved", "unspecified") else tag for tag in tags)
    # The yuvj layouts are ffmpeg's older way to say "full range".
    full = stream.color_range == "pc" or (stream.pix_fmt or "").startswith("yuvj")
    return Colour(matrix, transfer, primaries, full, stream.pix_fmt)


def _refuse_bare_dolby_vision(stream: _Stream) -> None:
    """Dolby Vision's profile 5 has a base picture in a colour space of its own, which would be shown green."""
    for data in stream.side_data_list:
        if data.get("dv_profile") == 5 and not data.get("dv_bl_signal_compatibility_id"):
            raise RefusedError(
                "it is Dolby Vision of profile 5, which has no picture that others can show: "
                "export it as HDR10, HLG or SDR"
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
