"""A simulation: how long a recording takes on many Spot machines that are taken away now and then, and what it costs.

Pure and seeded. Machines come, each works on a part per slot and is taken away at random; a part that was underway
begins again elsewhere, and a machine that was taken is replaced after a while. One with nothing left to do goes.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

BILLED_AT_LEAST_S = 60  # Amazon EC2 bills Linux by the second, at least a minute


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines of `slots` slots; each is taken away `taken_per_h` times an hour and costs `price_per_h` while it is
    there. `start_s` pass from its first billed second to its first part, `replace_s` until a taken one has a successor.
    """

    machines: int
    slots: int = 2
    taken_per_h: float = 0.05
    start_s: float = 45.0
    replace_s: float = 90.0
    price_per_h: float = 0.04


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run: seconds to the end, the share of the paid slot seconds that went into results, the bill, and how many
    parts had to begin again."""

    wall_s: float
    efficiency: float
    cost: float
    repeated: int


@dataclass(slots=True)
class _Machine:
    born_s: float
    taken_s: float
    last_s: float
    successor: _Machine | None = None


def simulate(parts_s: Sequence[float], fleet: Fleet, *, before_s: float, after_s: float, seed: int) -> Outcome:
    """Work through parts that take `parts_s` seconds of a slot each. One machine first cuts the recording for
    `before_s`, and joins what was made for `after_s` at the end; the others come when there are parts."""
    chance, order = random.Random(seed), count()

    def machine(born_s: float) -> _Machine:
        rate = fleet.taken_per_h / 3600
        return _Machine(born_s, born_s + (chance.expovariate(rate) if rate else float("inf")), born_s)

    machines = [machine(0.0 if number == 0 else before_s) for number in range(fleet.machines)]
    # Both heaps in order of time. What is put back lies never before what was taken out, so begins never go backwards.
    slots = [(max(m.born_s + fleet.start_s, before_s), next(order), m) for m in machines for _ in range(fleet.slots)]
    parts = [(before_s, next(order), part_s) for part_s in parts_s]
    heapq.heapify(slots)
    heapq.heapify(parts)
    end_s, repeated = before_s, 0
    while parts:
        ready_s, _, part_s = heapq.heappop(parts)
        free_s, _, at = heapq.heappop(slots)
        begin_s = max(ready_s, free_s)
        done_s = begin_s + part_s
        if done_s <= at.taken_s:
            at.last_s, end_s = max(at.last_s, done_s), max(end_s, done_s)
            heapq.heappush(slots, (done_s, next(order), at))
            continue
        if begin_s < at.taken_s:
            at.last_s, ready_s, repeated = at.taken_s, at.taken_s, repeated + 1
        if at.successor is None:
            at.successor = machine(at.taken_s + fleet.replace_s)
            machines.append(at.successor)
        heapq.heappush(parts, (ready_s, next(order), part_s))
        heapq.heappush(slots, (at.successor.born_s + fleet.start_s, next(order), at.successor))
    used = [m for m in machines if m.last_s > m.born_s]
    billed_s = sum(max(BILLED_AT_LEAST_S, m.last_s - m.born_s) for m in used) + after_s
    return Outcome(
        wall_s=end_s + after_s,
        efficiency=sum(parts_s) / (billed_s * fleet.slots),
        cost=billed_s / 3600 * fleet.price_per_h,
        repeated=repeated,
    )


def part_costs(measured_s_per_s: Sequence[float], *, duration_s: float, part_s: float, seed: int) -> list[float]:
    """Slot seconds for each part of a recording: its length times one of the measured costs per second of media."""
    chance = random.Random(seed)
    whole, rest = divmod(duration_s, part_s)
    lengths = [part_s] * int(whole) + ([rest] if rest > 1e-9 else [])
    return [length * chance.choice(measured_s_per_s) for length in lengths]
