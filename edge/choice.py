"""Which origin serves a stream, decided by what the edge sees of both: a state machine without I/O, its clock passed
in.

Where both are on one timeline a switch is invisible, so a short silence is enough for one. Where they are not, viewers
see a seam, so more patience is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge.sight import Key, Sight, continues, following, key_of
from panocast.feed import FeedSegment, State

GRACE_S = 0.5
"""So long may the origin in use lack what the other one announced, on one timeline."""
LOST_S = 0.3
"""So long may it not answer at all: one more try."""
SEAM_GRACE_S = 1.0
"""So long beyond a segment's own duration it may be silent where the other's timeline is another one."""
BEGIN_S = 10.0
"""So long may a ladder take to begin: on one timeline its files come from the other origin meanwhile."""
BACK_S = 15.0
"""So long the preferred origin must have been well before it is used again; doubled each time that was too early."""
BACK_MOST_S = 240.0
SEAM_BACK_S = 60.0
"""The same where going back is a seam: worth one only because all edges should agree in the end."""


class Choice:
    """The origin in use for one stream: `role` (None before any has it), and why."""

    def __init__(self, roles: Sequence[str], *, back_s: float = BACK_S) -> None:
        self.role: str | None = None
        self.why = ""
        self._roles = tuple(roles)
        self._any_since: float | None = None
        self._first_back_s = self._back_s = back_s
        self._returned_at: float | None = None
        self._well_since: float | None = None
        self._failing: dict[str, tuple[float, str]] = {}

    def failed(self, role: str, why: str, now: float) -> None:
        """A file could not be had from an origin that had announced it."""
        self._failing.setdefault(role, (now, why))
        if role == self._roles[0]:
            self._well_since = None

    def fetched(self, role: str) -> None:
        """A file came from an origin as announced."""
        self._failing.pop(role, None)

    def decide(self, sights: Mapping[str, Sight], last: Key | None, now: float) -> str | None:
        """The origin to use from now on; `last` is the newest segment that viewers were shown."""
        for role, (since, _) in list(self._failing.items()):
            if role != self.role and now - since >= self._first_back_s:
                del self._failing[role]  # nothing was asked of it since
        if self.role is None:
            self._begin(sights, now)
        elif why := self._worse_than_another(sights, last, now):
            other, reason = why
            self._leave(other, reason, now)
        else:
            self._perhaps_return(sights, last, now)
        return self.role

    def _begin(self, sights: Mapping[str, Sight], now: float) -> None:
        usable = [role for role in self._roles if sights[role].usable]
        usable.sort(key=lambda role: not sights[role].going_on)
        if not usable:
            return
        if self._any_since is None:
            self._any_since = now
        if usable[0] != self._roles[0] and now - self._any_since < GRACE_S:
            return
        self.role = usable[0]
        if self.role == self._roles[0]:
            self.why = "it is the preferred one"
        else:
            self.why = f"the {self._roles[0]} does not have the stream"

    def _worse_than_another(self, sights: Mapping[str, Sight], last: Key | None, now: float) -> tuple[str, str] | None:
        assert self.role is not None
        for role in self._roles:
            if role == self.role or not sights[role].usable:
                continue
            no_better = role in self._failing and self.role not in self._failing and sights[self.role].usable
            reason = None if no_better else self._behind(sights[self.role], sights[role], last, now)
            if reason:
                return role, reason
        return None

    def _behind(self, one: Sight, other: Sight, last: Key | None, now: float) -> str | None:
        """Why `other` is to be preferred to `one` now, in words."""
        seamless = last is not None and other.feed is not None and continues(other.feed.segments, last)
        if not one.usable:
            lost_at = one.lost_at if one.lost_at is not None else one.begun_at
            over = now - lost_at >= (LOST_S if seamless else SEAM_GRACE_S)
            return f"the {one.role} does not answer, or has it no more" if over else None
        if one.role in self._failing:
            since, why = self._failing[one.role]
            if seamless or now - since >= SEAM_GRACE_S:
                return why
        return behind(one, other, now)

    def _leave(self, role: str, reason: str, now: float) -> None:
        if self._returned_at is not None and now - self._returned_at < 4 * self._back_s:
            self._back_s = min(2 * self._back_s, BACK_MOST_S)
        else:
            self._back_s = self._first_back_s
        self._use(role, reason)

    def _perhaps_return(self, sights: Mapping[str, Sight], last: Key | None, now: float) -> None:
        preferred = self._roles[0]
        if self.role == preferred or self.role is None:
            return
        one = sights[preferred]
        well = one.going_on and preferred not in self._failing and behind(one, sights[self.role], now) is None
        if not well:
            self._well_since = None
            return
        if self._well_since is None:
            self._well_since = now
        seamless = last is not None and one.feed is not None and continues(one.feed.segments, last)
        wait_s = self._back_s if seamless else max(self._back_s, SEAM_BACK_S)
        if now - self._well_since >= wait_s:
            self._returned_at = now
            self._use(preferred, f"it has been well again for {wait_s:.0f} s")

    def _use(self, role: str, why: str) -> None:
        self.role, self.why = role, why
        self._well_since = None
        self._failing.pop(role, None)


def behind(one: Sight, other: Sight, now: float) -> str | None:
    """Why an origin is behind another one, rung by rung; None while it keeps up."""
    if one.feed is None or other.feed is None:
        return None
    for width in sorted({width for segment in other.feed.segments for width in segment.rungs}):
        if reason := _rung_behind(one, other, width, now):
            return reason
    return None


def _rung_behind(one: Sight, other: Sight, width: int, now: float) -> str | None:
    assert one.feed is not None
    assert other.feed is not None
    newest = next((segment for segment in reversed(one.feed.segments) if width in segment.rungs), None)
    if newest is not None:
        after = following(other.feed.segments, key_of(newest))
        if after is not None:
            stopped = _lacks(one, other, width, newest, after, now)
            return f"the {one.role} stopped at {newest.name} of rung {width}" if stopped else None
    # No common segment to compare: whether it is silent, while the other one is not.
    patience_s = silence_s = _longest_s(other.feed.segments) + SEAM_GRACE_S
    if one.feed.state == State.ENDED and other.going_on:
        patience_s = 0.0
    elif one.usable and following(other.feed.segments, key_of(one.feed.segments[-1])) is not None:
        patience_s = BEGIN_S
    last_news = one.news_at.get(width, one.begun_at)
    others = other.news_at.get(width, last_news)
    if last_news < others and now - others < silence_s and now - last_news >= patience_s:
        return f"the {one.role} {'has no' if newest is None else 'is silent in'} rung {width}"
    return None


def _lacks(one: Sight, other: Sight, width: int, newest: FeedSegment, after: Sequence[FeedSegment], now: float) -> bool:
    """Whether an origin lacks for too long what another one has `after` the segment that is its `newest`."""
    told = [segment for segment in after if width in segment.rungs]
    late = next((segment for segment in told if segment.timeline == newest.timeline), told[0] if told else None)
    if late is None:
        return False
    since, patience_s = other.announced_at[key_of(late)][width], GRACE_S
    if late.timeline != newest.timeline and one.going_on:
        # Whether both left their timeline, or the other one alone while this one goes on there, its own news will tell.
        assert one.feed is not None
        since, patience_s = max(since, one.news_at[width]), _longest_s(one.feed.segments) + SEAM_GRACE_S
    return now - since >= patience_s


def _longest_s(segments: Sequence[FeedSegment]) -> float:
    return max(segment.duration_ms for segment in segments) / 1000
