"""The sound of a session, encoded in one piece: which files it comes from, how it is mixed, the ffmpeg command line.

In one piece because an encoder has a delay at each start. An hour of stereo takes ffmpeg's AAC encoder 54 s of one core
at the most (noise), which is little beside the pictures.

One decoder reads it, too, and goes on as it began, so only sounds of one form may follow each other in a script. Where
an encoder came back with others (mono for stereo, another rate), each run of one form is decoded first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TypeVar

from panocast.codecs import AUDIO, whitelist
from panocast.ffmpeg import Input, Options, Output, command
from panocast.ladder import VOD_AUDIO_BPS
from transcoder.encode import MEDIA_ORIGIN_S, Span
from transcoder.markers import Sound

T = TypeVar("T")
AUDIO_RATE_HZ = 48_000
_AMBISONIC_CHANNELS = (4, 9, 16)


def concat_script(files: Sequence[tuple[str, float]]) -> str:
    """An ffconcat script that places each (file, start in seconds on the clock) where it belongs.

    The demuxer counts from the first file's start and puts the next one after `duration`, whatever the files last.
    """
    lines = ["ffconcat version 1.0"]
    for index, (name, start_s) in enumerate(files):
        lines.append(f"file {name}")
        if index + 1 < len(files):
            lines.append(f"duration {files[index + 1][1] - start_s:.6f}")
    return "\n".join([*lines, ""])


def runs_of(sounds: Sequence[tuple[T, Sound]]) -> list[list[tuple[T, Sound]]]:
    """Sounds, in order, parted wherever their form changes."""
    return [list(run) for _, run in groupby(sounds, key=lambda sound: sound[1].form)]


def mix_of(channels: int, layout: str | None, wanted: int) -> str | None:
    """The filter that makes stereo of Ambisonics, and of mono where two channels are wanted; None for what ffmpeg mixes
    itself (5.1 becomes stereo).

    4, 9 or 16 channels are Ambisonics of order 1 to 3 in ambiX (ACN order, SN3D), as 360° cameras and editors write
    them, unless they are tagged as four loudspeakers. Two cardioids look to the left and to the right: (W ± Y) / 2.
    """
    if channels in _AMBISONIC_CHANNELS and layout != "quad":
        return "pan=stereo|c0=0.5*c0+0.5*c1|c1=0.5*c0-0.5*c1"
    if channels == 1 and wanted == 2:  # as loud as mono is played; ffmpeg would take 3 dB off
        return "pan=stereo|c0=c0|c1=c0"
    return None


def audio_argv(
    script: str, script_start_s: float, span: Span, channels: int, *, segment_s: float, mix: str | None = None
) -> list[str]:
    """Encode the sound that an ffconcat script of our own lists into `audio/`, from the video's start to its end.

    `mix` is a filter that it passes first (see `mix_of`).
    """
    options: Options = {
        "af": _filters(span, mix),
        "c:a": "aac",
        "b:a": VOD_AUDIO_BPS,
        "ac": min(channels, 2),
        "avoid_negative_ts": "disabled",
        "output_ts_offset": MEDIA_ORIGIN_S,
        "f": "hls",
        "hls_time": segment_s,
        "hls_playlist_type": "vod",
        "hls_segment_type": "fmp4",
        "hls_fmp4_init_filename": "init.mp4",
        "hls_segment_filename": "audio/%05d.m4s",
        "hls_segment_options": "movflags=+frag_discont:use_editlist=0:avoid_negative_ts=disabled",
    }
    return command(_listed(script, script_start_s), [Output("audio/index.m3u8", None, audio=True, options=options)])


def one_form_argv(
    script: str, target: str, script_start_s: float, span: Span, channels: int, *, mix: str | None = None
) -> list[str]:
    """Decode the sound that a script lists into `target` (MP4), from the span's start to its end, to the sample."""
    options: Options = {
        "af": _filters(span, mix),
        "c:a": "flac",  # a day of PCM would be 17 GB
        "ac": channels,
        "f": "mp4",
        "strict": "experimental",  # what FLAC in MP4 is to this ffmpeg
    }
    return command(_listed(script, script_start_s), [Output(target, None, audio=True, options=options)])


def _listed(script: str, start_s: float) -> Input:
    return Input(
        script,
        # Our own script of files our own ffmpeg wrote: nothing but those may be opened.
        {
            "f": "concat",
            "safe": 1,
            "protocol_whitelist": "file",
            "format_whitelist": "concat,mov,matroska",
            "codec_whitelist": whitelist(AUDIO),
            "copyts": None,
            "itsoffset": f"{start_s:.6f}",
        },
    )


def _filters(span: Span, mix: str | None) -> str:
    start = round(span.start_s * AUDIO_RATE_HZ)
    filters = (
        # First to our rate: where the rate changes, first_pts is taken for samples of the old one.
        f"aresample={AUDIO_RATE_HZ},"
        # Gaps become silence and overlaps go; drift is stretched away before it is a frame long.
        f"aresample=async=1000:min_comp=0.005:min_hard_comp=0.02:first_pts={start},"
        # As long as the video, to the sample. Where all sound lies before it, apad begins without a time: at 0, then.
        f"apad,asetpts='if(isnan(PTS),N,PTS)',atrim=start_pts={start}:end={span.end_s:.6f}"
    )
    return f"{mix},{filters}" if mix else filters
