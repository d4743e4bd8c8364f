"""Random lives of two simulated origins: an encoder publishes to both while this and that happens to them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.unit.origin.timeline.simulator import Connection, Source, World

REGULAR = [[1000], [2000], [500], [2002, 2001], [3300]]
GOPS = [*REGULAR, [700, 400, 900], [1000, 300, 1700, 2000]]
KINDS = ["hole", "restart", "memory lost", "parted", "deaf", "reconnect"]


def moving(gops_ms: list[int], until_ms: int, first: int = 1, begin_ms: int = 0) -> Source:
    """A source whose every keyframe is another picture."""
    count = (until_ms - begin_ms) // sum(gops_ms) + 1
    gops = gops_ms * count
    return Source.of(gops, range(first, first + len(gops) + 1), begin_ms)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to which origin, when and for how long."""

    kind: str
    origin: int
    at_ms: int
    for_ms: int


def play(seed: int, gops_ms: list[int], faults: list[Fault], until_ms: int) -> tuple[World, Source]:
    """A world in which an encoder publishes to both origins while these faults happen to it."""
    chance = random.Random(seed)
    world = World(
        skew_ms=chance.randint(-30_000, 30_000), feed_ms=chance.randint(1, 100), told_by_segment=chance.random() < 0.5
    )
    source = moving(gops_ms, until_ms)
    away: tuple[list[Fault], list[Fault]] = ([], [])
    holes: tuple[set[int], set[int]] = (set(), set())
    merged: tuple[set[int], set[int]] = (set(), set())
    for fault in faults:
        origin = world.origins[fault.origin]
        if fault.kind in ("hole", "merged"):
            first = max(i for i, start in enumerate(source.starts) if start <= fault.at_ms)
            (holes if fault.kind == "hole" else merged)[fault.origin].update(range(first, first + chance.randint(1, 3)))
        elif fault.kind == "reconnect":
            away[fault.origin].append(fault)
        elif fault.kind == "deaf":
            world.part(origin, fault.at_ms, fault.for_ms)
        elif fault.kind == "parted":
            for each in world.origins:
                world.part(each, fault.at_ms, fault.for_ms)
        else:
            world.restart(origin, fault.at_ms, fault.for_ms, keep=fault.kind == "restart")
    for which, origin in enumerate(world.origins):
        latency_ms = chance.randint(0, 150)
        since_ms = chance.randint(0, 5000)
        ends = [*sorted((f.at_ms, f.at_ms + f.for_ms) for f in away[which]), (until_ms + 1, 0)]
        for at_ms, again_ms in ends:
            if at_ms > since_ms:
                zero_ms = chance.randint(0, 4_000_000)
                lost = frozenset(holes[which]), frozenset(merged[which])
                world.publish(origin, Connection(source, since_ms, at_ms, zero_ms, latency_ms, *lost))
            since_ms = max(since_ms, again_ms)
    world.run(until_ms)
    return world, source
