"""When an encoded rung is given up because the machine is too slow for it, and when it is tried again."""

from __future__ import annotations

# A ladder is behind when its newest frame is older by more than this than the source's, unless it is catching up.
BEHIND_MS = 2_000
CATCHING_UP = 1.1
# So long must a ladder be behind before a rung goes, and so long after a change nothing is judged.
SLOW_S = 12.0
SETTLE_S = 10.0
# A rung that was shed is tried again after this, and twice as long after each try that fails soon.
PATIENCE_S = 60.0
MOST_PATIENCE_S = 960.0


def is_behind(late_ms: int, speed: float | None) -> bool:
    """Whether a ladder that is so late, and encodes so many seconds in each second (if that is known), is too slow. Its
    speed alone says nothing: a source may pause."""
    return late_ms > BEHIND_MS and (speed is None or speed < CATCHING_UP)


class Shedding:
    """How many of the largest encoded rungs are shed. Pure: the time (s) is passed in."""

    def __init__(self) -> None:
        self.count = 0
        self._patience_s = PATIENCE_S
        self._behind_since_s: float | None = None
        self._changed_s = float("-inf")
        self._tried = False

    def look(self, now_s: float, *, behind: bool, rungs: int) -> bool:
        """Judge by whether the ladder is behind now, of `rungs` rungs in all; whether `count` has changed."""
        if now_s < self._changed_s + SETTLE_S:
            return False
        if behind:
            self._behind_since_s = now_s if self._behind_since_s is None else self._behind_since_s
            return now_s - self._behind_since_s >= SLOW_S and self.count < rungs and self._shed(now_s)
        self._behind_since_s = None
        return self.count > 0 and now_s - self._changed_s >= self._patience_s and self._try(now_s)

    def _shed(self, now_s: float) -> bool:
        if self._tried and now_s - self._changed_s < PATIENCE_S:
            self._patience_s = min(2 * self._patience_s, MOST_PATIENCE_S)
        self._change(now_s, self.count + 1)
        return True

    def _try(self, now_s: float) -> bool:
        self._change(now_s, self.count - 1)
        self._tried = True
        return True

    def _change(self, now_s: float, count: int) -> None:
        self.count, self._changed_s, self._behind_since_s, self._tried = count, now_s, None, False
