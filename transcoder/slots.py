"""How many jobs a worker runs at once: one for each core, as far as the memory goes."""

from __future__ import annotations

from panocast.machine import Machine
from panocast.settings import TranscoderSettings

# The most that one ffmpeg took for a part of 3840x1920 with all of its rungs: 1.2 GiB with one thread, 1.5 with two.
PART_BYTES = 1_600 << 20
MOST = 64


def job_slots(settings: TranscoderSettings, machine: Machine) -> int:
    """The setting, where there is one; else what the machine can carry, and one in any case."""
    if settings.concurrency is not None:
        return settings.concurrency
    return max(1, min(machine.cores, machine.free_bytes // PART_BYTES, MOST))
