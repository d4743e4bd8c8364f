"""What was refused lately and why, for whoever wonders why nothing plays. Bounded in number and in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

KEEP = timedelta(minutes=10)
MOST = 50


@dataclass(frozen=True, slots=True)
class Refusal:
    """A stream that was not taken: `since` is when it was first refused for this reason (UTC)."""

    name: str
    reason: str
    since: datetime
    last: datetime


class Refusals:
    """The latest refusals, one for each name and reason, the newest last."""

    def __init__(self) -> None:
        self._refusals: dict[tuple[str, str], Refusal] = {}

    def add(self, name: str, reason: str, now: datetime | None = None) -> bool:
        """Remember a refusal; whether it is news (an encoder repeats itself every few seconds)."""
        now = now or datetime.now(UTC)
        self._expire(now)
        before = self._refusals.pop((name, reason), None)
        self._refusals[name, reason] = Refusal(name, reason, before.since if before else now, now)
        while len(self._refusals) > MOST:
            del self._refusals[next(iter(self._refusals))]
        return before is None

    def latest(self, now: datetime | None = None) -> list[Refusal]:
        """What was refused in the last ten minutes."""
        self._expire(now or datetime.now(UTC))
        return list(self._refusals.values())

    def _expire(self, now: datetime) -> None:
        self._refusals = {key: r for key, r in self._refusals.items() if now - r.last < KEEP}
