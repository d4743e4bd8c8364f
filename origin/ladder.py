"""The live ladder's ffmpeg command: the source passed through untouched, smaller rungs encoded beside it.

Where a rung goes is the packager's business (origin/show.py); what it is, is decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from panocast.ffmpeg import Input, Options, Output, command
from panocast.ladder import LIVE_AUDIO_BPS, Rung, Size, live_rungs

COPIED_AUDIO = "AAC"


@dataclass(frozen=True, slots=True)
class Source:
    """What is published, as far as the ladder depends on it: another one means another ffmpeg. `audio` is
    nginx-rtmp's name of the codec."""

    size: Size
    audio: str | None

    def __str__(self) -> str:
        return f"{self.size} with {self.audio or 'no'} audio"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a packager wants a rung: an ffmpeg output and its options."""

    url: str
    options: Options


TargetOf = Callable[[int], Target]


def rung_widths(source: Source) -> tuple[int, ...]:
    """The widths of every rung, the passed-through source first."""
    return (source.size.width, *(rung.size.width for rung in live_rungs(source.size)))


def ladder_argv(source_url: str, source: Source, target_of: TargetOf) -> list[str]:
    """The argv that turns a published stream into its rungs for as long as it lasts."""
    passed = _output(target_of(source.size.width), "copy", source, {"c:v": "copy"})
    encoded = [_output(target_of(r.size.width), r.size, source, encoding(r)) for r in live_rungs(source.size)]
    # What arrives first is a keyframe (wait_key), so half a second tells where there is no audio.
    analyze_s = 5.0 if source.audio else 0.5
    return command(live_input(source_url, analyze_s=analyze_s), [passed, *encoded])


def live_input(url: str, *, analyze_s: float) -> Input:
    """A stream of nginx-rtmp as ffmpeg reads it, looking for its tracks for so many seconds at most."""
    return Input(
        url,
        {
            # The source's own timestamps: all rungs agree, and one that starts again goes on where it was.
            "copyts": None,
            "rtmp_live": "live",
            "rtmp_buffer": 100,  # ms; the default of 3000 is for files
            "tcp_nodelay": 1,
            # µs; a backstop: nginx ends the read when the publisher goes or falls silent. Not shorter, for a reader
            # gets nothing at all before the first keyframe.
            "rw_timeout": 30_000_000,
            # ffmpeg stops looking as soon as it knows both tracks; without audio it would look for a second one
            # for the default of 5 s.
            "analyzeduration": round(analyze_s * 1e6),
            "fpsprobesize": 0,  # or it waits for more frames to guess a rate that nothing here depends on
            "fflags": "+discardcorrupt",
        },
    )


def _output(target: Target, video: Size | str, source: Source, options: Options) -> Output:
    return Output(target.url, video, source.audio is not None, {**options, **_audio(source, video), **target.options})


def _audio(source: Source, video: Size | str) -> Options:
    if source.audio is None:
        return {}
    if video == "copy" and source.audio == COPIED_AUDIO:
        return {"c:a": "copy"}
    return {"c:a": "aac", "b:a": LIVE_AUDIO_BPS, "ac": 2}


def encoding(rung: Rung) -> Options:
    """How an encoded rung is made."""
    return {
        "c:v": "libx264",
        "preset": "veryfast",
        "profile:v": "main",
        "pix_fmt": "yuv420p",
        # No look-ahead, and no B-frames: a frame leaves as soon as it is made, and its time of decoding is that of
        # showing it, so that segments of all rungs begin alike.
        "tune": "zerolatency",
        "bf": 0,
        # Keyframes where the source has them, real ones (IDR), and nowhere else.
        "force_key_frames": "source",
        "forced-idr": 1,
        "g": 100_000,
        "sc_threshold": 0,
        # Every frame as it came and when it came, in RTMP's milliseconds.
        "fps_mode": "passthrough",
        "enc_time_base": "1:1000",
        "b:v": rung.bitrate_bps,
        "maxrate": rung.bitrate_bps,
        # Half a second: a keyframe may take several frames' share, and no segment much more than its own.
        "bufsize": rung.bitrate_bps // 2,
    }
