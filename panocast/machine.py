"""What this machine, or the container we run in, has to give: cores and memory.

A container's limits stand in its control group: https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CGROUP_V1_MEMORY = "sys/fs/cgroup/memory/memory.limit_in_bytes"


@dataclass(frozen=True, slots=True)
class Machine:
    """Cores that we may use (at least 1) and bytes of memory that are free."""

    cores: int
    free_bytes: int


def this_machine(root: Path = Path("/")) -> Machine:
    """What is here now; `root` is where proc and sys are found."""
    cores = float(len(os.sched_getaffinity(0)))
    free = _available(root)
    for group in _groups(root):
        cores = min(cores, _quota(group))
        free = min(free, _left(group))
    if limit := _number(root / _CGROUP_V1_MEMORY):
        free = min(free, limit)
    return Machine(max(1, math.floor(cores)), max(0, int(free)))


def _available(root: Path) -> float:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return float(line.split()[1]) * 1024
    return math.inf


def _groups(root: Path) -> Iterator[Path]:
    """Our control group and those around it: each may limit us."""
    base = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        if line.startswith("0::/"):
            path = base / line.removeprefix("0::/")
            yield from [path, *(parent for parent in path.parents if parent.is_relative_to(base))]


def _quota(group: Path) -> float:
    """Cores that a group may use: `cpu.max` says so many microseconds in so many."""
    for line in _lines(group / "cpu.max"):
        quota, _, period = line.partition(" ")
        if quota.isdigit() and period.strip().isdigit():
            return int(quota) / int(period)
    return math.inf


def _left(group: Path) -> float:
    """Bytes that a group may still take; what it merely caches can be dropped."""
    limit, used = _number(group / "memory.max"), _number(group / "memory.current")
    if limit is None or used is None:
        return math.inf
    cached = next((int(x.split()[1]) for x in _lines(group / "memory.stat") if x.startswith("inactive_file ")), 0)
    return limit - used + cached


def _number(path: Path) -> int | None:
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
