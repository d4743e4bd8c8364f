"""One hour of 4K on a fleet of Spot machines: a simulation, fed with parts that are measured here and now."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from panocast.ladder import Size, vod_rungs
from tests.bench.cost import measure
from tests.bench.ladders import cut, our_job
from tests.bench.material import shoot_or_take
from tests.bench.plot import plot_fleet
from tests.bench.simulation import Fleet, part_costs, simulate
from transcoder.cut import part_length_s
from transcoder.encode import Quality, Span

MACHINES = (1, 8, 64, 512)
RUNS = 200
DURATION_S = 3600.0
# Assumed, not measured here: an hour of 4K is some 20 GB to fetch, look at, cut and store, and 15 GB of segments to be
# linked on S3, at the 2.5 Gbit/s a small machine sustains and S3's few hundred copies a second.
CUT_S, JOIN_S = 150.0, 40.0


async def measure_parts(*, parts: int, part_s: float, width: int, quality: Quality, media: Path | None) -> list[float]:
    """CPU seconds that each second of video took, for each of a few parts."""
    with tempfile.TemporaryDirectory() as name:
        folder, size = Path(name), Size(width, width // 2)
        source = await shoot_or_take(media, folder, size, parts * part_s)
        found = []
        for number, part in enumerate(await cut(source, part_s, folder)):
            span = Span(number * part_s, (number + 1) * part_s)
            cost = await measure(our_job(part, span, vod_rungs(size), quality, folder / part.stem))
            found.append(cost.cpu_s / part_s)
    return found


def bench_simulation(measured_s_per_s: Sequence[float], *, price_per_core_h: float, picture: Path | None) -> list[str]:
    """Wall time, efficiency and cost for each size of fleet, medians of many seeded runs."""
    lines = [
        f"slot seconds for each second of video: {', '.join(f'{s:.2f}' for s in measured_s_per_s)} (measured)",
        "machines  parts  minutes (p95)   efficiency   US$   parts begun again (mean of runs)",
    ]
    minutes, costs = [], []
    for machines in MACHINES:
        fleet = Fleet(machines, price_per_h=2 * price_per_core_h)
        part_s = part_length_s(DURATION_S, machines * fleet.slots)
        work = part_costs(measured_s_per_s, duration_s=DURATION_S, part_s=part_s, seed=machines)
        runs = [simulate(work, fleet, before_s=CUT_S, after_s=JOIN_S, seed=seed) for seed in range(RUNS)]
        walls = sorted(run.wall_s / 60 for run in runs)
        minutes.append(statistics.median(walls))
        costs.append(statistics.median(run.cost for run in runs))
        lines.append(
            f"{machines:8} {len(work):6} {minutes[-1]:8.1f} ({walls[int(RUNS * 0.95)]:5.1f})"
            f" {statistics.median(run.efficiency for run in runs):10.0%}   {costs[-1]:5.2f}"
            f"   {statistics.mean(run.repeated for run in runs):.2f}"
        )
    if picture:
        plot_fleet(picture, MACHINES, minutes, costs)
        lines.append(f"drawn to {picture}")
    return lines
