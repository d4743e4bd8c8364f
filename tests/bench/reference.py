"""Ours against the reference's way: eight rungs, each scaled from the source, each remuxed to HLS afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from panocast.ladder import Rung, Size, Tier, vod_rungs
from tests.bench.cost import Cost, measure, median_cost, ratio
from tests.bench.ladders import REFERENCES, SEGMENT_S, cut, joined, media_bps, our_job, reference_jobs
from tests.bench.material import shoot_or_take
from tests.bench.score import Score, mean_score, score
from transcoder.encode import Quality, Span

# Eight rungs, as the reference has, with its rates: at widths of ours and in between.
TIERS = (
    Tier(3840, 16_450_000),
    Tier(2560, 7_952_000),
    Tier(1920, 3_980_000),
    Tier(1600, 3_000_000),
    Tier(1280, 2_136_000),
    Tier(960, 1_080_000),
    Tier(640, 500_000),
    Tier(480, 250_000),
)
# Parts are not equally hard: with a few for each core, all cores have work to the end.
PARTS = 4


async def bench_reference(*, seconds: float, runs: int, width: int, quality: Quality, media: Path | None) -> list[str]:
    """Interleaved runs over the same source, rungs and bitrates. Ours are `PARTS`, one on each core at a time, as a
    worker has them."""
    with tempfile.TemporaryDirectory() as name:
        folder, size = Path(name), Size(width, width // 2)
        source = await shoot_or_take(media, folder, size, seconds)
        rungs, part_s = vod_rungs(size, TIERS), max(SEGMENT_S, seconds / PARTS)
        parts = await cut(source, part_s, folder)
        places = [folder / f"ours{number}" for number in range(len(parts))]
        ours: list[Cost] = []
        theirs: list[list[Cost]] = [[] for _ in REFERENCES]
        for _ in range(runs):
            jobs = [
                our_job(part, Span(number * part_s, (number + 1) * part_s), rungs, replace(quality, threads=1), place)
                for number, (part, place) in enumerate(zip(parts, places, strict=True))
            ]
            ours.append(await measure(*jobs, at_once=os.cpu_count() or 1))
            rates = {rung.name: sum(media_bps(place, rung, seconds) for place in places) for rung in rungs}
            for reference, costs in zip(REFERENCES, theirs, strict=True):
                costs.append(await measure(*reference_jobs(source, rungs, rates, reference, folder / reference.folder)))
        scores = [
            await _mean(
                [joined(places, rung, folder / f"joined-{rung.name}.mp4") for rung in rungs], source, rungs, folder
            )
        ]
        for reference in REFERENCES:
            files = [folder / reference.folder / f"{rung.name}.mp4" for rung in rungs]
            scores.append(await _mean(files, source, rungs, folder))
        lines = [
            f"source {width}x{width // 2}, {seconds:g} s, {len(rungs)} rungs, {runs} interleaved runs, same rates",
            f"{'ours':29} {median_cost(ours)}  {scores[0]}",
        ]
        for reference, costs, scored in zip(REFERENCES, theirs, scores[1:], strict=True):
            lines.append(
                f"reference, {reference.name:18} {median_cost(costs)}  {scored}  {ratio(ours, costs)} (aim 0.60)"
            )
        return lines


async def _mean(files: Sequence[Path], source: Path, rungs: Sequence[Rung], folder: Path) -> Score:
    """The mean over the rungs."""
    scores = [await score(file, source, rung.size, folder) for file, rung in zip(files, rungs, strict=True)]
    return mean_score(scores)
