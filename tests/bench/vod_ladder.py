"""CPU and wall seconds of the VOD ladder against eight separate scale-and-encode outputs plus remuxing."""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from panocast.ladder import Rung, Size, Tier, vod_rungs
from panocast.process import Command, run
from panocast.testcard import Card, find_fonts, render_argv
from transcoder.encode import Quality, Span, part_argv

# Eight rungs, as the reference has, at widths and rates of ours and in between.
EIGHT_TIERS = (
    Tier(3840, 16_500_000),
    Tier(2560, 8_000_000),
    Tier(1920, 4_000_000),
    Tier(1600, 3_000_000),
    Tier(1280, 2_100_000),
    Tier(960, 1_100_000),
    Tier(640, 500_000),
    Tier(480, 300_000),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took, in seconds."""

    wall_s: float
    cpu_s: float


async def measure(argvs: Sequence[Sequence[str]], folder: Path) -> Cost:
    """Run commands one after the other in `folder`; their wall and CPU time together."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    for argv in argvs:
        await run(Command("ffmpeg", argv, cwd=folder))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.monotonic() - begun, cpu_s)


def reference_argvs(source: Path, rungs: Sequence[Rung], quality: Quality, segment_s: float) -> list[list[str]]:
    """The reference's way: one ffmpeg that scales each output from the source, then a remux to HLS for each."""
    quiet = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y"]
    encode = [*quiet, "-i", str(source)]
    remux = []
    for rung in rungs:
        encode += ["-map", "0:v", "-vf", f"scale={rung.size.width}:{rung.size.height}", "-c:v", "libx264"]
        encode += ["-preset", quality.preset, "-crf", f"{quality.crf:g}", "-maxrate", str(rung.bitrate_bps)]
        encode += ["-bufsize", str(2 * rung.bitrate_bps), "-force_key_frames", f"expr:gte(t,n_forced*{segment_s:g})"]
        encode += ["-sc_threshold", "0", "-pix_fmt", "yuv420p", f"{rung.name}.mp4"]
        hls = ["-f", "hls", "-hls_time", f"{segment_s:g}", "-hls_playlist_type", "vod", f"{rung.name}.m3u8"]
        remux.append([*quiet, "-i", f"{rung.name}.mp4", "-c", "copy", *hls])
    return [encode, *remux]


def our_argvs(source: Path, span: Span, rungs: Sequence[Rung], quality: Quality, segment_s: float) -> list[list[str]]:
    """Our way: one decode, a cascade of scalers, segments written as they are encoded."""
    argv = part_argv(
        str(source),
        span,
        Fraction(30),
        rungs,
        quality,
        segment_s=segment_s,
        max_pixels=1 << 26,
        tagged=True,
        audio=False,
    )
    return [argv]


async def bench_vod_ladder(*, seconds: float, runs: int, width: int, media: Path | None) -> list[str]:
    """Interleaved runs of both ways over the same source and rungs, and their median ratios."""
    quality, segment_s = Quality(preset="veryfast", crf=23.0), 2.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source.mp4"
        if media is None:
            card = Card(size=Size(width, width // 2), fps=30, gop_s=2.0, bitrate_bps=20_000_000, wall_clock=False)
            await run(Command("render", render_argv(source, seconds, card, find_fonts())))
        else:
            scale = ["-vf", f"scale={width}:{width // 2}", "-c:v", "libx264", "-preset", "veryfast", "-crf", "16"]
            await run(Command("scale", ["ffmpeg", "-y", "-i", str(media), "-t", str(seconds), *scale, str(source)]))
        rungs = vod_rungs(Size(width, width // 2), EIGHT_TIERS)
        ours, theirs = [], []
        for _ in range(runs):
            for rung in rungs:
                (folder / rung.name).mkdir(exist_ok=True)
            ours.append(await measure(our_argvs(source, Span(0, seconds), rungs, quality, segment_s), folder))
            theirs.append(await measure(reference_argvs(source, rungs, quality, segment_s), folder))
    wall = statistics.median(a.wall_s / b.wall_s for a, b in zip(ours, theirs, strict=True))
    cpu = statistics.median(a.cpu_s / b.cpu_s for a, b in zip(ours, theirs, strict=True))
    return [
        f"source {width}x{width // 2}, {seconds:g} s, {len(rungs)} rungs, {runs} interleaved runs",
        f"ours       wall {_median(c.wall_s for c in ours):6.1f} s   CPU {_median(c.cpu_s for c in ours):6.1f} s",
        f"reference  wall {_median(c.wall_s for c in theirs):6.1f} s   CPU {_median(c.cpu_s for c in theirs):6.1f} s",
        f"ratio      wall {wall:.2f} (aim 0.70 or less)   CPU {cpu:.2f}",
    ]


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)
