"""What commands cost: wall time, CPU time, peak memory."""

from __future__ import annotations

import asyncio
import re
import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from panocast.process import Child, Command, ProcessError, run

TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class Job:
    """A command and the folder it runs in."""

    argv: Sequence[str]
    folder: Path


@dataclass(slots=True)
class Cost:
    """What a run took, in seconds; CPU is user and system time of every child that ended meanwhile."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    def __str__(self) -> str:
        return f"wall {self.wall_s:6.1f} s  CPU {self.cpu_s:6.1f} s"


@contextmanager
def counted() -> Iterator[Cost]:
    """Count the children that start and end within the block."""
    cost, before, begun = Cost(), resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    yield cost
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost.wall_s = time.monotonic() - begun
    cost.cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def measure(*jobs: Job, at_once: int = 1) -> Cost:
    """Run commands, `at_once` of them at any time."""
    slots = asyncio.Semaphore(at_once)

    async def one(job: Job) -> None:
        async with slots:
            await run(Command("ffmpeg", job.argv, cwd=job.folder), timeout_s=TIMEOUT_S)

    with counted() as cost:
        await asyncio.gather(*map(one, jobs))
    return cost


async def peak_memory(job: Job) -> int:
    """The most bytes of memory that an ffmpeg held, as it says itself (-benchmark, in its log of level info)."""
    said: list[str] = []
    loud = ["level+info" if word == "level+warning" else word for word in job.argv]
    child = Child(Command("ffmpeg", [loud[0], "-benchmark", *loud[1:]], cwd=job.folder), on_stderr=said.append)
    await child.start()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            code = await child.wait()
    finally:
        await asyncio.shield(child.stop(grace_s=0.5))
    if code:
        raise ProcessError(child.failure(code), code, child.tail)
    (kilobytes,) = (int(found[1]) for line in said if (found := re.search(r"bench: maxrss=(\d+)", line)))
    return kilobytes * 1024


def median_cost(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(statistics.median(c.wall_s for c in costs), statistics.median(c.cpu_s for c in costs))


def ratio(ours: Sequence[Cost], theirs: Sequence[Cost]) -> str:
    """The medians of both ratios, run by run, for runs that were interleaved."""
    wall = statistics.median(a.wall_s / b.wall_s for a, b in zip(ours, theirs, strict=True))
    cpu = statistics.median(a.cpu_s / b.cpu_s for a, b in zip(ours, theirs, strict=True))
    return f"ratio wall {wall:.2f} CPU {cpu:.2f}"
