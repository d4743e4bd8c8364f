"""How long a decision waits for the peer's word. Always bounded."""

from __future__ import annotations

from origin.timeline.news import News
from panocast.feed import State

WAIT_MS = 3_000
"""For a peer that is silent, undecided, or does not grow."""

GROWING_WAIT_MS = 10_000
"""For one that grows: edges are served by it meanwhile, and it will show our keyframes."""


class Patience:
    """One wait at a time, on the own wall clock; it begins when it is first asked about."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._since_ms: int | None = None

    @property
    def waiting(self) -> bool:
        """Whether a wait has begun and not been ended."""
        return self._since_ms is not None

    def end(self) -> None:
        """It was decided."""
        self._since_ms = None

    def lasts(self, news: News, now_ms: int) -> bool:
        """Whether to wait on, given what is known of the peer."""
        if self._since_ms is None or now_ms < self._since_ms:  # the wall clock may be set back
            self._since_ms = now_ms
        waited_ms = now_ms - self._since_ms
        feed = news.feed
        if feed is None:
            return not news.heard and waited_ms < WAIT_MS
        if feed.state in (State.PAUSED, State.ENDED):
            return False
        if not feed.timeline:
            # Both are undecided: the primary decides.
            return self._role != "primary" and waited_ms < WAIT_MS
        grows = news.grown_ms is not None and news.grown_ms > self._since_ms
        return waited_ms < (GROWING_WAIT_MS if grows else WAIT_MS)
