"""How often something may happen: some times at once, then at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """A token bucket: `burst` at once, and one more every `every_s` seconds."""

    def __init__(self, burst: int, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._every_s, self._clock = burst, every_s, clock
        self._left = float(burst)
        self._at_s = clock()

    def allows(self) -> bool:
        """Whether this one is within the pace; it counts only if so."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at_s) / self._every_s)
        self._at_s = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
