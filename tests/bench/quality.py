"""What a bit buys: VMAF and WS-PSNR of a rung at equal bitrates for x264's presets, and the CPU time they take."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from panocast.ladder import Rung, Size, vod_rungs
from tests.bench.cost import Job, measure
from tests.bench.ladders import media_bps, our_file, our_job
from tests.bench.material import shoot_or_take
from tests.bench.score import Score, score
from transcoder.encode import Quality, Span

# Two points are enough: between them VMAF goes nearly straight with the logarithm of the rate.
CRFS = (20.0, 26.0)
UNCEILED_BPS = 200_000_000
PRESETS = ("superfast", "veryfast", "faster", "fast", "medium", "slow", None)


@dataclass(frozen=True, slots=True)
class Point:
    """One encode of one rung: its rate, what is left of the picture, and the encoder's CPU seconds."""

    bps: float
    score: Score
    cpu_s: float


def at_rate(points: Sequence[Point], bps: float) -> Point:
    """What a rate would give, on a straight line through the points over the logarithm of the rate."""
    points = sorted(points, key=lambda point: point.bps)
    x = np.log([point.bps for point in points])

    def line(values: Sequence[float]) -> float:
        slope, offset = np.polyfit(x, values, 1)
        return float(slope * np.log(bps) + offset)

    return Point(
        bps,
        Score(line([p.score.vmaf for p in points]), line([p.score.ws_psnr_db for p in points])),
        line([p.cpu_s for p in points]),
    )


async def bench_presets(*, seconds: float, width: int, widths: Sequence[int], media: Path | None) -> list[str]:
    """For each of `widths`: each preset, and the rung's own effort, interpolated to the same rate, half its ceiling."""
    lines = [" rung   kbit/s  preset     quality                         CPU s for each s"]
    with tempfile.TemporaryDirectory() as name:
        folder, size = Path(name), Size(width, width // 2)
        source = await shoot_or_take(media, folder, size, seconds)
        for rung in (r for r in vod_rungs(size) if r.size.width in widths):
            aside_s = (await measure(Job(_no_encoder(source, rung), folder))).cpu_s
            for preset in PRESETS:
                points = [await _encode(source, rung, preset, crf, seconds, aside_s, folder) for crf in CRFS]
                at = at_rate(points, rung.bitrate_bps / 2)
                cpu_s = at.cpu_s / seconds
                lines.append(f"{rung.name:>5} {at.bps / 1000:8.0f}  {preset or 'its own':10} {at.score}   {cpu_s:5.2f}")
    return lines


async def bench_ladder(*, seconds: float, width: int, quality: Quality, media: Path | None) -> list[str]:
    """The whole ladder as it is configured: what each rung came to."""
    with tempfile.TemporaryDirectory() as name:
        folder, size = Path(name), Size(width, width // 2)
        source = await shoot_or_take(media, folder, size, seconds)
        rungs = vod_rungs(size)
        cost = await measure(our_job(source, Span(0, seconds), rungs, quality, folder))
        lines = [" rung   kbit/s  of ceiling  quality"]
        for rung in rungs:
            bps = media_bps(folder, rung, seconds)
            what = await score(our_file(folder, rung), source, rung.size, folder)
            lines.append(f"{rung.name:>5} {bps / 1000:8.0f} {bps / rung.bitrate_bps:11.0%}  {what}")
    return [*lines, f"CPU {cost.cpu_s / seconds:.2f} s for each second of video"]


async def _encode(
    source: Path, rung: Rung, preset: str | None, crf: float, seconds: float, aside_s: float, folder: Path
) -> Point:
    free = replace(rung, bitrate_bps=UNCEILED_BPS)
    cost = await measure(our_job(source, Span(0, seconds), [free], Quality(preset, crf, threads=1), folder))
    what = await score(our_file(folder, rung), source, rung.size, folder)
    return Point(media_bps(folder, rung, seconds), what, cost.cpu_s - aside_s)


def _no_encoder(source: Path, rung: Rung) -> list[str]:
    """Decoding and scaling alone."""
    scale = f"scale={rung.size.width}:{rung.size.height}:flags=bicubic"
    return ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-i", str(source), "-vf", scale, "-f", "null", "-"]
