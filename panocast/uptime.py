"""The clock that nobody sets: it counts from this machine's boot, and goes on while the machine sleeps."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Uptime:
    """A moment: `seconds` since the boot that `boot` names. The same for all processes of a machine, and comparable
    within one boot only (clock_gettime(2), CLOCK_BOOTTIME; proc_sys_kernel(5))."""

    boot: str
    seconds: float


def uptime() -> Uptime:
    """Now."""
    return Uptime(_boot(), time.clock_gettime(time.CLOCK_BOOTTIME))


@cache
def _boot() -> str:
    return _BOOT_ID.read_text().strip()
