"""Two simulated origins, thousands of random lives: the unit tests' promises, in as many worlds as the time allows."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.unit.origin.timeline.checks import goes_on, names_mean_the_same, on_one_timeline
from tests.unit.origin.timeline.faults import GOPS, KINDS, Fault, play

END_MS, FAULTS_MS = 110_000, (10_000, 55_000)
SETTLED_MS = 20_000
"""So long after the last fault both are one again."""
EVERY_S = 60.0


@dataclass(slots=True)
class Found:
    """How many lives there were, what happened in them, and what went wrong."""

    worlds: int = 0
    segments: int = 0
    seams: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """All of it in a line."""
        faults = ", ".join(f"{count} {kind}" for kind, count in self.faults.most_common())
        return (
            f"{self.worlds} worlds, {self.segments} segments, {self.seams} seams ({faults}): {len(self.wrong)} broken"
        )


def simulate(seconds: float, seed: int, say: Callable[[str], None]) -> Found:
    """Try worlds from `seed` on for so many seconds; each broken one is told with its seed, and goes on the list."""
    found = Found()
    ends = time.monotonic() + seconds
    tell = time.monotonic() + EVERY_S
    while time.monotonic() < ends:
        if wrong := try_world(seed, found):
            found.wrong.append(wrong)
            say(wrong)
        seed += 1
        if time.monotonic() > tell:
            tell += EVERY_S
            say(found.line())
    return found


def try_world(seed: int, found: Found) -> str | None:
    """One world, told in full where it breaks a promise."""
    chance = random.Random(seed)
    gops_ms = chance.choice(GOPS)
    faults = [
        Fault(
            chance.choice(KINDS), chance.randint(0, 1), chance.randint(*FAULTS_MS), round(10 ** chance.uniform(2, 4.1))
        )
        for _ in range(chance.randint(1, 6))
    ]
    found.worlds += 1
    found.faults.update(fault.kind for fault in faults)
    try:
        world, source = play(seed, gops_ms, faults, END_MS)
        for origin in world.origins:
            found.segments += len(origin.told)
            found.seams += sum(told.plan.discontinuity for told in origin.told)
            goes_on(origin.told)
        names_mean_the_same(world, source)
        on_one_timeline(world, max(fault.at_ms + fault.for_ms for fault in faults) + SETTLED_MS, END_MS - 5000)
    except AssertionError as error:
        return f"seed {seed}, GOPs {gops_ms}, {faults}: {str(error)[:400]}"
    return None
