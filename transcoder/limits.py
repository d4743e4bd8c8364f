"""How much a job may take, reckoned from its pictures: several times what an honest one takes, so that only absurd ones
notice. The settings' ceilings stand above all of them.

Measured with ffmpeg 5.1 (memory as the kernel counts it for RLIMIT_DATA): the whole ladder of a 3840x1920 part takes
1.5 GB with one thread for each encoder and `veryfast`, 5.7 GB with 16 threads and `slow`; of a 7680x3840 part 2.3 GB
with two.
"""

from __future__ import annotations

from collections.abc import Sequence

from panocast.errors import RefusedError
from panocast.fence import Limits
from panocast.ladder import Rung
from panocast.probe import MediaInfo
from panocast.settings import TranscoderSettings

# The fastest camera there is, and as much again.
MOST_FRAMES_PER_S = 1000
# A megapixel of the source, through the whole ladder: 0.02 CPU seconds with `veryfast`, 0.2 with `slow`.
_CPU_S_PER_PIXEL = 1e-6
# Frames that decoder, filters and encoders hold, in bytes for each pixel of the source; threads hold more of them.
_HELD_BYTES, _HELD_BYTES_PER_THREAD = 200, 64
_OVERHEAD_BYTES = 768 << 20
_SLACK_BYTES = 64 << 20


def refuse_absurd(info: MediaInfo, settings: TranscoderSettings) -> None:
    """RefusedError for a recording that says it is longer than the setting or has more frames than any camera makes."""
    refuse_too_long(info.duration_s, settings)
    frames = info.video.frames if info.video else None
    if frames and frames > MOST_FRAMES_PER_S * max(1.0, info.duration_s):
        raise RefusedError(f"it says that it has {frames} frames in {info.duration_s:.1f} s: no camera is that fast")


def refuse_too_long(duration_s: float, settings: TranscoderSettings) -> None:
    """RefusedError for a recording that, by its header or by its timestamps, is longer than the setting."""
    if duration_s > settings.max_duration_s:
        raise RefusedError(
            f"it says that it lasts {duration_s / 3600:.1f} hours; at most "
            f"{settings.max_duration_s / 3600:g} are taken (setting transcoder.max_duration_s)"
        )


def encoding(info: MediaInfo, rungs: Sequence[Rung], *, size_bytes: int, threads: int) -> Limits:
    """Limits for encoding a part of `size_bytes` with `threads` for each encoder."""
    video = info.require_video()
    pixels = video.size.width * video.size.height
    frames = video.frames or round(info.duration_s * video.frame_rate) + 1
    rate_bps = sum(rung.bitrate_bps for rung in rungs)
    return Limits(
        cpu_s=120 + round(pixels * frames * _CPU_S_PER_PIXEL),
        memory_bytes=_OVERHEAD_BYTES + pixels * (_HELD_BYTES + _HELD_BYTES_PER_THREAD * threads),
        output_bytes=_SLACK_BYTES + size_bytes + round(info.duration_s * rate_bps / 8) * 2,
    )


def encoded_bytes(rungs: Sequence[Rung], duration_s: float) -> int:
    """The most room that the rungs of a part can take: their ceilings, with the two seconds' buffer above them, and one
    of them twice while it is taken apart into segments."""
    rates_bps = [rung.bitrate_bps for rung in rungs]
    return round((sum(rates_bps) + max(rates_bps)) / 8 * (duration_s + 2))


def ceilings(settings: TranscoderSettings) -> Limits:
    """The most that any job may take."""
    return Limits(settings.cpu_limit_s, settings.memory_limit_mb << 20, 1 << 40)


def within(limits: Limits, most: Limits) -> Limits:
    """Limits, none above `most`."""
    return Limits(
        min(limits.cpu_s, most.cpu_s),
        min(limits.memory_bytes, most.memory_bytes),
        min(limits.output_bytes, most.output_bytes),
    )
