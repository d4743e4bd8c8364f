"""How many parts at once, with how many threads each, get the most out of a machine, and what a part takes of it."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from panocast.ladder import Rung, Size, vod_rungs
from panocast.process import Child, Command
from tests.bench.cost import Cost, Job, measure, median_cost, peak_memory
from tests.bench.ladders import cut, our_job
from tests.bench.material import shoot_or_take
from tests.waiting import eventually
from transcoder.encode import FRAGMENTS, Quality, Span

# A file begins with its headers, which are shorter; what follows is pictures.
HEADER_BYTES = 4096


async def bench_slots(
    *, parts: int, part_s: float, width: int, runs: int, quality: Quality, media: Path | None
) -> list[str]:
    """Interleaved runs of the same parts in every way to share the cores, and of the uncut whole."""
    cores = os.cpu_count() or 1
    ways = sorted({(1, 1), (1, cores), (cores, 1), (cores, cores)})
    with tempfile.TemporaryDirectory() as name:
        folder, size = Path(name), Size(width, width // 2)
        source = await shoot_or_take(media, folder, size, parts * part_s)
        rungs, files = vod_rungs(size), await cut(source, part_s, folder)
        costs: dict[tuple[int, int], list[Cost]] = {way: [] for way in ways}
        whole: list[Cost] = []
        for _ in range(runs):
            for slots, threads in ways:
                jobs = _jobs(files, part_s, rungs, replace(quality, threads=threads), folder)
                costs[slots, threads].append(await measure(*jobs, at_once=slots))
            uncut = our_job(source, Span(0, parts * part_s), rungs, replace(quality, threads=1), folder / "whole")
            whole.append(await measure(uncut))
        first, *_ = _jobs(files, part_s, rungs, replace(quality, threads=1), folder)
        threaded, *_ = _jobs(files, part_s, rungs, replace(quality, threads=cores), folder)
        memory = [await peak_memory(first), await peak_memory(threaded)]
        first_byte_s = statistics.median([await _first_byte(first) for _ in range(runs)])

    media_s = parts * part_s
    lines = [f"{parts} parts of {part_s:g} s, {width}x{width // 2}, {len(rungs)} rungs, {runs} interleaved runs"]
    lines.append("slots  threads   seconds of video per second   CPU s for each s")
    for slots, threads in ways:
        cost = median_cost(costs[slots, threads])
        lines.append(f"{slots:5}  {threads:7}   {media_s / cost.wall_s:27.3f}   {cost.cpu_s / media_s:16.2f}")
    gain = statistics.median(a.wall_s / b.wall_s for a, b in zip(costs[1, 1], costs[cores, 1], strict=True))
    against = statistics.median(a.wall_s / b.wall_s for a, b in zip(costs[1, cores], costs[cores, 1], strict=True))
    split = statistics.median(a.cpu_s / b.cpu_s for a, b in zip(costs[1, 1], whole, strict=True))
    return [
        *lines,
        f"{cores} slots of one thread against one slot: {gain:.2f} times as fast (aim 1.9 on 2 cores); "
        f"against one slot of {cores} threads: {against:.2f}",
        f"CPU of the parts against the uncut whole: {split:.3f} (aim 1.05 or less)",
        f"peak memory of a part: {memory[0] / 2**20:.0f} MiB with one thread, {memory[1] / 2**20:.0f} MiB with {cores}",
        f"start to the first byte of a segment: {first_byte_s:.2f} s (one thread, median of {runs})",
    ]


def _jobs(files: Sequence[Path], part_s: float, rungs: Sequence[Rung], quality: Quality, folder: Path) -> list[Job]:
    spans = [Span(number * part_s, (number + 1) * part_s) for number in range(len(files))]
    return [
        our_job(file, span, rungs, quality, folder / f"part{number}")
        for number, (file, span) in enumerate(zip(files, spans, strict=True))
    ]


def _has_bytes(folder: Path) -> bool:
    return any(file.stat().st_size > HEADER_BYTES for file in folder.glob(f"*/{FRAGMENTS}"))


def _empty(folder: Path) -> None:
    for file in folder.glob(f"*/{FRAGMENTS}"):
        file.unlink()


async def _first_byte(job: Job) -> float:
    """Seconds until a segment of any rung has bytes in it; then the encode is ended."""
    _empty(job.folder)
    child = Child(Command("ffmpeg", job.argv, cwd=job.folder))
    begun = time.monotonic()
    await child.start()
    try:
        await eventually(partial(_has_bytes, job.folder), within_s=300, every_s=0.02)
        return time.monotonic() - begun
    finally:
        await asyncio.shield(child.stop(grace_s=0.5))
