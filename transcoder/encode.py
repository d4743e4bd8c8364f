"""The ffmpeg command lines of the transcoder, each option with its reason: part, filler, audio, poster, cut.

Every output stands on the recording's clock plus `MEDIA_ORIGIN_S`, video and audio alike, so that parts encoded on
different machines join by playlist alone. All paths are relative to the job's scratch folder (the child's cwd): a `%`
in the path of the state directory would otherwise be taken for a number pattern.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from panocast.ffmpeg import Input, Options, Output, command
from panocast.ladder import VOD_AUDIO_BPS, Rung, Size
from panocast.probe import input_options

# Where the recording's second 0 lies in the media: far enough from 0 that B-frames' early decoding times and the
# encoder delay of AAC never turn negative, which players treat each in their own way.
MEDIA_ORIGIN_S = 10
AUDIO_RATE_HZ = 48_000
POSTER_WIDTH = 1280

# Rates that cameras and encoders mean when a clock in milliseconds makes 29.94 or 30.02 of them.
_NOMINAL_RATES = tuple(map(Fraction, (15, 24, 25, 30, 48, 50, 60, 90, 120))) + tuple(
    Fraction(rate * 1000, 1001) for rate in (24, 30, 60, 120)
)


@dataclass(frozen=True, slots=True)
class Quality:
    """How hard x264 tries: its preset, its constant rate factor, and threads for each encoder (0: x264's choice)."""

    preset: str
    crf: float
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the recording's clock, in seconds."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return self.end_s - self.start_s


def nominal_rate(rate: Fraction) -> Fraction:
    """The frame rate that was meant: the nearest usual one within 2 %, else the rate in whole frames per second."""
    nearest = min(_NOMINAL_RATES, key=lambda usual: abs(usual - rate))
    if abs(nearest - rate) <= rate / 50:
        return nearest
    return Fraction(max(1, round(rate)))


def segment_length_s(duration_s: float, segment_s: float) -> float:
    """How far apart keyframes stand so that segments divide a part evenly, at most a tenth over `segment_s`."""
    return duration_s / max(1, math.ceil(duration_s / segment_s - 0.1)) if duration_s > 0 else segment_s


def part_argv(
    url: str,
    span: Span,
    rate: Fraction,
    rungs: Sequence[Rung],
    quality: Quality,
    *,
    segment_s: float,
    max_pixels: int,
    tagged: bool,
    audio: bool,
) -> list[str]:
    """Encode the part at `url` into `WIDTH/` folders of HLS segments, and copy its audio to `audio.mov`."""
    # copyts: frames keep the place on the clock that the part's own timestamps give them.
    source = Input(url, {"copyts": None, **input_options("mov", max_pixels=max_pixels)})
    length_s = segment_length_s(span.duration_s, segment_s)
    outputs = [_rung_output(rung, length_s, rate, quality, shift_s=0) for rung in rungs]
    if audio:
        outputs.append(Output("audio.mov", None, audio=True, options=_AUDIO_ASIDE))
    return command(source, outputs, prepare=() if tagged else [_TAG_BT709])


def filler_argv(span: Span, rate: Fraction, rungs: Sequence[Rung], quality: Quality, *, segment_s: float) -> list[str]:
    """Encode black pictures for a stretch that nobody could decode, so that clocks and sound stay right."""
    frames = max(1, round(span.duration_s * rate))
    black = f"color=black:size={rungs[0].size}:rate={rate},format=yuv420p,trim=end_frame={frames}"
    length_s = segment_length_s(frames / float(rate), segment_s)
    outputs = [_rung_output(rung, length_s, rate, quality, shift_s=span.start_s) for rung in rungs]
    return command(Input(black, {"f": "lavfi"}), outputs, prepare=[_TAG_BT709])


# A picture without colour tags is taken for what HD cameras and encoders make; one with tags keeps them.
_TAG_BT709: tuple[str, Options] = (
    "setparams",
    {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"},
)

# The sound of a part as it is, put aside for the session's one audio encode; mov holds every codec that a part can.
_AUDIO_ASIDE: Options = {"c:a": "copy", "f": "mov", "avoid_negative_ts": "disabled", "strict": "experimental"}


def _rung_output(rung: Rung, length_s: float, rate: Fraction, quality: Quality, *, shift_s: float) -> Output:
    options: dict[str, str | int | float | None] = {
        "c:v": "libx264",
        "preset": quality.preset,
        "profile:v": "high",
        "pix_fmt": "yuv420p",  # the only layout every phone decodes
        # Constant quality, with the ladder's rate as a ceiling over about two seconds.
        "crf": quality.crf,
        "maxrate": rung.bitrate_bps,
        "bufsize": 2 * rung.bitrate_bps,
        # Keyframes stand where the clock says and nowhere else: the same places in every rung, also for sources of
        # variable frame rate. t counts from the first frame; 1 ms of grace, because clocks in milliseconds round a
        # frame's time down.
        "force_key_frames": f"expr:gte(t,n_forced*{length_s:.6f}-0.001)",
        "forced-idr": 1,
        "flags": "+cgop",  # nothing refers across a segment's start
        # fps: x264 derives the level from it; the nominal rate gives all parts of a recording the same init segment.
        "x264-params": f"keyint=infinite:scenecut=0:open-gop=0:fps={rate.numerator}/{rate.denominator}",
        "fps_mode": "passthrough",  # each frame of the source once, at its own time
        "enc_time_base": "1:90000",  # whatever the part's own is: the same init segment, exact for all usual rates
        # Each packet lasts until the next one: the muxer puts a segment's start where the last packet before it ends,
        # which would move every first frame of a segment when the frame rate varies. PTS and DTS are named because
        # setts gives both the same value otherwise, and B-frames lose their order.
        "bsf:v": "setts=pts=PTS:dts=DTS:duration='if(gt(NEXT_DTS,DTS),NEXT_DTS-DTS,DURATION)'",
        "avoid_negative_ts": "disabled",  # nobody moves the clock
        "output_ts_offset": f"{MEDIA_ORIGIN_S + shift_s:.6f}",
        "f": "hls",
        "hls_time": 0.01,  # a segment at every keyframe
        "hls_playlist_type": "vod",
        "hls_segment_type": "fmp4",
        "hls_fmp4_init_filename": "init.mp4",
        "hls_segment_filename": f"{rung.name}/%05d.m4s",
        # frag_discont: tfdt carries the clock instead of starting at 0.
        "hls_segment_options": "movflags=+frag_discont",
    }
    if quality.threads:
        options["threads"] = quality.threads
    return Output(f"{rung.name}/index.m3u8", rung.size, audio=False, options=options)


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


def audio_argv(script: str, script_start_s: float, span: Span, channels: int, *, segment_s: float) -> list[str]:
    """Encode the sound that an ffconcat script of our own lists into `audio/`, from the video's start to its end."""
    source = Input(
        script,
        # Our own script of files our own ffmpeg wrote: nothing but those may be opened.
        {
            "f": "concat",
            "safe": 1,
            "protocol_whitelist": "file",
            "format_whitelist": "concat,mov",
            "copyts": None,
            "itsoffset": f"{script_start_s:.6f}",
        },
    )
    filters = (
        # Gaps become silence and overlaps go; drift is stretched away before it is a frame long.
        f"aresample={AUDIO_RATE_HZ}:async=1000:min_comp=0.005:min_hard_comp=0.02"
        f":first_pts={round(span.start_s * AUDIO_RATE_HZ)},"
        # As long as the video, to the sample.
        f"apad,atrim=end={span.end_s:.6f}"
    )
    options: Options = {
        "af": filters,
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
        "hls_segment_options": "movflags=+frag_discont",
    }
    return command(source, [Output("audio/index.m3u8", None, audio=True, options=options)])


def poster_argv(url: str, size: Size) -> list[str]:
    """Make `poster.jpg` from the first frame of a segment (init and segment in one file)."""
    source = Input(url, {"f": "mov", "protocol_whitelist": "file"})
    options: Options = {"frames:v": 1, "c:v": "mjpeg", "q:v": 4, "pix_fmt": "yuvj420p", "f": "image2", "update": 1}
    return command(source, [Output("poster.jpg", size, audio=False, options=options)])


def cut_argv(url: str, container: str, muxer: str, *, part_s: float, max_pixels: int) -> list[str]:
    """Cut a file at keyframes into `cut/0001.mp4` … of about `part_s` seconds, without encoding it again.

    Parts keep their place on one clock that starts at 0; `muxer` is mp4, or mov for codecs that MP4 does not hold.
    """
    options: Options = {
        "c": "copy",
        "f": "segment",
        "segment_time": part_s,
        "segment_start_number": 1,
        "segment_format": muxer,
        "reset_timestamps": 0,  # each part carries its start in its own timestamps
        "avoid_negative_ts": "disabled",
        # Spherical metadata in MP4 is "unofficial", some codecs in MP4 "experimental" to this ffmpeg.
        "strict": "experimental",
    }
    source = Input(url, input_options(container, max_pixels=max_pixels))
    return command(source, [Output("cut/%04d.mp4", "copy", audio=True, options=options)])
