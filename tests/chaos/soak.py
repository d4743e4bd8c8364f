"""A long run with publishers that come and go: memory, descriptors and disk have to stay where they are."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import aiohttp
import m3u8

from tests.e2e.platform import Platform, platform
from tests.integration.origin.encoder import argv, publishing
from tests.waiting import eventually

NAMES = ("east", "west", "north")
SETTINGS = {"ORIGIN__PART_S": "5", "ORIGIN__GRACE_S": "5", "EDGE__IDLE_S": "5"}
EVERY_S = 5.0


@dataclass
class Sample:
    """One service at one moment: resident memory in MiB, open descriptors."""

    memory_mib: float
    descriptors: int


@dataclass
class Soak:
    """What was measured: samples of each service, MiB of live files and recordings on the disk, what happened."""

    services: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    disk_mib: list[float] = field(default_factory=list)
    lives: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    events: int = 0
    segments: int = 0
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The table: medians of the second quarter and of the last one."""
        lines = [f"{'':<22} {'MiB':>8} {'then':>7} {'files':>7} {'then':>6} {'starts':>7}"]
        for name, samples in self.services.items():
            early, late = _quarters(samples)
            memory = [statistics.median(s.memory_mib for s in part) for part in (early, late)]
            files = [statistics.median(s.descriptors for s in part) for part in (early, late)]
            lines.append(
                f"{name:<22} {memory[0]:8.1f} {memory[1]:7.1f} {files[0]:7.0f} {files[1]:6.0f} "
                f"{len(self.lives[name]):7}"
            )
        early_mib, late_mib = (statistics.median(part) for part in _quarters(self.disk_mib))
        lines.append(f"disk but the stores     {early_mib:7.1f} {late_mib:7.1f}, most {max(self.disk_mib):.1f}")
        lines.append(f"{self.events} events came and went, {self.segments} segments were watched")
        return lines + self.problems


T = TypeVar("T")


def _quarters(values: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    quarter = max(1, len(values) // 4)
    return values[quarter : 2 * quarter] or values, values[-quarter:]


async def soak(state: Path, *, seconds: float, seed: int) -> Soak:
    """Run the platform so long; at the end nothing of the events may be left running or served."""
    found, dice = Soak(), random.Random(seed)
    async with platform(state, settings=SETTINGS) as up:
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for name in NAMES:
                group.create_task(_come_and_go(up, name, until, random.Random(dice.random()), found))
                group.create_task(_watch(up, name, until, found))
            group.create_task(_measure(up, until, found))
        await _all_gone(up, found)
    return found


async def _come_and_go(up: Platform, name: str, until: float, dice: random.Random, found: Soak) -> None:
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(1, 8))
        size, gop_s = dice.choice(("640x320", "480x240")), dice.choice((1.0, 2.0))
        words = argv(up.publish_url(name, backup=dice.random() < 0.3), size=size, fps=15, gop_s=gop_s)
        async with publishing(words) as encoder:
            await asyncio.sleep(min(dice.uniform(5, 25), max(0.0, until - time.monotonic())))
            if dice.random() < 0.3:
                encoder.kill()
        found.events += 1


async def _watch(up: Platform, name: str, until: float, found: Soak) -> None:
    known = ""
    while time.monotonic() < until:
        with suppress(aiohttp.ClientError, TimeoutError):
            status, body = await up.get(f"/hls/{name}.m3u8")
            variants = m3u8.loads(body.decode()).playlists if status == 200 else []
            for variant in variants[:1]:
                status, body = await up.get(f"/hls/{variant.uri}")
                segments = m3u8.loads(body.decode()).segments if status == 200 else []
                if segments and segments[-1].uri != known:
                    known = str(segments[-1].uri)
                    found.segments += (await up.get(f"/hls/{variant.uri.rpartition('/')[0]}/{known}"))[0] == 200
        await asyncio.sleep(1)


async def _measure(up: Platform, until: float, found: Soak) -> None:
    while time.monotonic() < until:
        for name, pid in up.children().items():
            with suppress(OSError):
                found.services[name].append(_sample(pid))
                found.lives[name].add(pid)
        found.disk_mib.append(await asyncio.to_thread(_disk_mib, up.state))
        await asyncio.sleep(EVERY_S)


def _sample(pid: int) -> Sample:
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Sample(int(status["VmRSS"].split()[0]) / 1024, len(list((process / "fd").iterdir())))


def _disk_mib(state: Path) -> float:
    """What live streams and recordings under way take; the stores and the logs are meant to grow."""
    total = 0
    for folder, below, files in os.walk(state):  # which passes over what disappears meanwhile
        if folder == str(state):
            below[:] = set(below) - {"ingest", "egress", "log"}
        for file in files:
            with suppress(OSError):
                total += (Path(folder) / file).stat().st_size
    return total / (1 << 20)


async def _all_gone(up: Platform, found: Soak) -> None:
    """Once every encoder is gone: no stream is listed, none served, and no live file is left."""

    async def quiet() -> bool:
        told = await up.json("/live.json")
        return told is not None and not told["live"]

    try:
        await eventually(quiet, within_s=90)
        await eventually(lambda: not _live_files(up.state), within_s=90)
    except AssertionError as error:
        left = _live_files(up.state)
        found.problems.append(f"not all is gone: {error}; {len(left)} live files, {left[:3]}")


def _live_files(state: Path) -> list[str]:
    return [file for _, _, files in os.walk(state / "edge") for file in files if file.endswith(".m4s")]
