"""The ffmpeg command lines of the transcoder, each option with its reason: part, filler, poster.

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
from panocast.ladder import Rung, Size
from panocast.probe import Colour, input_options
from transcoder.colour import prepare
from transcoder.effort import effort

# Where the recording's second 0 lies in the media: far enough from 0 that B-frames' early decoding times and the
# encoder delay of AAC never turn negative, which players treat each in their own way.
MEDIA_ORIGIN_S = 10
POSTER_WIDTH = 1280
# What a rung is encoded into, in its folder; each fragment becomes a segment (panocast.mp4.split_fragments).
FRAGMENTS = "fragments.mp4"

# Rates that cameras and encoders mean when a clock in milliseconds makes 29.94 or 30.02 of them.
_NOMINAL_RATES = tuple(map(Fraction, (15, 24, 25, 30, 48, 50, 60, 90, 120))) + tuple(
    Fraction(rate * 1000, 1001) for rate in (24, 30, 60, 120)
)


@dataclass(frozen=True, slots=True)
class Quality:
    """How hard x264 tries: a preset for every rung (None: each rung's own), its constant rate factor, and threads for
    decoder, filters and each encoder (0: one for each core)."""

    preset: str | None
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


def level_rate(rate: Fraction) -> int:
    """The frame rate that an encoder's level must allow: of the usual ones the first that is hardly slower, so that
    all parts get the same, also those of a source whose rate varies."""
    return next((usual for usual in (30, 60, 120, 240) if rate <= usual * 1.1), 1000)


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
    colour: Colour,
    audio: bool,
) -> list[str]:
    """Encode the part at `url` into `WIDTH/` folders of fragmented MP4, and copy its audio to `audio.mov`."""
    source = _part(url, max_pixels)
    outputs = _rung_outputs(rungs, segment_length_s(span.duration_s, segment_s), rate, quality)
    if audio:
        outputs.append(Output("audio.mov", None, audio=True, options=_AUDIO_ASIDE))
    return command(source, outputs, prepare=prepare(colour, rungs[0].size), threads=quality.threads)


def filler_argv(span: Span, rate: Fraction, rungs: Sequence[Rung], quality: Quality, *, segment_s: float) -> list[str]:
    """Encode black pictures for a stretch that nobody could decode, so that clocks and sound stay right."""
    frames = max(1, round(span.duration_s * rate))
    black = f"color=black:size={rungs[0].size}:rate={rate},format=yuv420p,trim=end_frame={frames}"
    length_s = segment_length_s(frames / float(rate), segment_s)
    outputs = _rung_outputs(rungs, length_s, rate, quality, shift_s=span.start_s)
    return command(
        Input(black, {"f": "lavfi"}), outputs, prepare=prepare(Colour(), rungs[0].size), threads=quality.threads
    )


def patch_argv(
    url: str,
    span: Span,
    start_s: float,
    rate: Fraction,
    rungs: Sequence[Rung],
    quality: Quality,
    *,
    segment_s: float,
    max_pixels: int,
    colour: Colour,
) -> list[str]:
    """Encode a stretch of the part at `url`, which begins at `start_s` of another clock, into `WIDTH/` folders."""
    source = _part(url, max_pixels)
    outputs = _rung_outputs(rungs, segment_length_s(span.duration_s, segment_s), rate, quality)
    half_s = 0.5 / float(rate)  # clocks in milliseconds: a frame belongs to the stretch that it is nearest to
    chosen: Sequence[tuple[str, Options]] = (
        ("trim", {"start": f"{span.start_s - half_s:.6f}", "end": f"{span.end_s - half_s:.6f}"}),
        ("setpts", {"expr": f"PTS+round({start_s - span.start_s:.6f}/TB)"}),
    )
    return command(source, outputs, prepare=(*chosen, *prepare(colour, rungs[0].size)), threads=quality.threads)


def patch_sound_argv(url: str, span: Span, start_s: float, *, max_pixels: int) -> list[str]:
    """Copy the sound of that stretch to `audio.mov`, on the other clock."""
    source = _part(url, max_pixels)
    where: Options = {
        "ss": f"{span.start_s:.6f}",
        "to": f"{span.end_s:.6f}",
        "output_ts_offset": f"{start_s:.6f}",
    }
    return command(source, [Output("audio.mov", None, audio=True, options={**_AUDIO_ASIDE, **where})])


def aside_argv(url: str, *, max_pixels: int) -> list[str]:
    """Copy the audio of the part at `url` to `audio.mov`, as `part_argv` does."""
    source = _part(url, max_pixels)
    return command(source, [Output("audio.mov", None, audio=True, options=_AUDIO_ASIDE)])


# The sound of a part as it is, put aside for the session's one audio encode; mov holds every codec that a part can.
_AUDIO_ASIDE: Options = {"c:a": "copy", "f": "mov", "avoid_negative_ts": "disabled", "strict": "experimental"}


def _part(url: str, max_pixels: int) -> Input:
    # copyts: frames keep the place on the clock that the part's own timestamps give them.
    return Input(url, {"copyts": None, **input_options("mov", max_pixels=max_pixels)})


def _rung_outputs(
    rungs: Sequence[Rung], length_s: float, rate: Fraction, quality: Quality, *, shift_s: float = 0
) -> list[Output]:
    return [_rung_output(rung, length_s, rate, quality, shift_s) for rung in rungs]


def _rung_output(rung: Rung, length_s: float, rate: Fraction, quality: Quality, shift_s: float) -> Output:
    tries = effort(rung.size.width, quality.preset)
    # fps: x264 derives the level from it; a usual rate gives all parts of a recording the same init segment.
    params = ("keyint=infinite", "scenecut=0", "open-gop=0", f"fps={level_rate(rate)}", *tries.params)
    options: dict[str, str | int | float | None] = {
        "c:v": "libx264",
        "preset": tries.preset,
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
        "x264-params": ":".join(params),
        "fps_mode": "passthrough",  # each frame of the source once, at its own time
        "enc_time_base": "1:90000",  # whatever the part's own is: the same init segment, exact for all usual rates
        # x264 puts the first decoding times of a part as far before its start as its first frames are apart. Where the
        # rate varies, that may lie within the part before: no farther, then, than at the fastest rate of this level.
        "bsf:v": f"setts=pts=PTS:dts='if(lt(N,2),max(DTS,STARTPTS-(2-N)/({level_rate(rate)}*TB)),DTS)'",
        "avoid_negative_ts": "disabled",  # nobody moves the clock
        "output_ts_offset": f"{MEDIA_ORIGIN_S + shift_s:.6f}",
        "f": "mp4",
        # A fragment, which is a segment, at every keyframe; offsets count from it, so that it can stand alone.
        # frag_discont: tfdt carries the clock instead of starting at 0.
        "movflags": "+frag_keyframe+empty_moov+default_base_moof+frag_discont+skip_trailer",
        # Without an edit list, which players treat each in their own way, times are what they are.
        "use_editlist": 0,
    }
    if quality.threads:
        options["threads"] = quality.threads
    return Output(f"{rung.name}/{FRAGMENTS}", rung.size, audio=False, options=options)


def poster_argv(url: str, size: Size) -> list[str]:
    """Make `poster.jpg` from the first frame of a segment (init and segment in one file)."""
    source = Input(url, {"f": "mov", "protocol_whitelist": "file"})
    options: Options = {"frames:v": 1, "c:v": "mjpeg", "q:v": 4, "pix_fmt": "yuvj420p", "f": "image2", "update": 1}
    return command(source, [Output("poster.jpg", size, audio=False, options=options)])
