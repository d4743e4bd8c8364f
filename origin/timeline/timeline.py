"""One live stream's place on the timeline that both origins share.

An origin looks for its keyframes among the peer's and takes over the peer's dates and numbers from there; afterwards
both follow the same rule (a segment closes at the first GOP's end at which it is long enough), and so stay in step.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from origin.timeline.beginning import begin_alone, join
from origin.timeline.marks import Marks, marks_of
from origin.timeline.match import FAR_MS, JITTER_MS, Seen, find_offset, matches
from origin.timeline.news import Floor, News
from origin.timeline.patience import Patience
from origin.timeline.place import Place, meet
from origin.timeline.plan import Gop, SavedTimeline, SegmentPlan
from origin.timeline.received import Received
from panocast.feed import Feed, Keyframe

log = logging.getLogger(__name__)

# Durations come in whole milliseconds, each rounded for itself: 999 is as good as 1000.
ROUNDING_MS = 20
# A hole longer than this is not filled with numbers: a seam.
HOLE_MS = 60_000
GOP_MS = 600_000


class Timeline:
    """Turns GOPs into segments with number, date and media time. Pure: the clock is passed in, nothing is read or sent.

    Without a peer, call `hear(None)` once: until the first word a decision waits.
    """

    def __init__(
        self,
        name: str,
        role: str,
        *,
        segment_min_ms: int,
        now_ms: Callable[[], int],
        saved: SavedTimeline | None = None,
    ) -> None:
        self._name, self._role = name, role
        self._segment_min_ms = segment_min_ms
        self._now_ms = now_ms
        self._news = News(name, saved.peer if saved else Floor())
        self._saved = saved
        self._place = saved.place if saved else None
        self._target_s = saved.target_duration_s if saved else 0
        self._segment_ms = saved.segment_ms if saved else segment_min_ms
        self._gops: deque[Seen] = deque()
        self._received = Received(self._place.start_ms if self._place else None)
        self._patience = Patience(role)
        self._guessed_to_ms: int | None = None
        self._told_offset_ms: int | None = None

    def connected(self) -> None:
        """The encoder has a new connection, so its clock is another one."""
        self._saved = self.saved
        self._place = None
        self._gops.clear()
        self._received = Received(None)
        self._patience.end()
        self._guessed_to_ms = None

    def gop(self, gop: Gop) -> list[SegmentPlan]:
        """The segments that this GOP completes, oldest first; none while a decision waits, or the segment is short.

        Source times that jump back or far ahead are a new clock, as if the encoder had connected anew; one that stands
        still gives nothing.
        """
        if not 0 < gop.end_ms - gop.start_ms <= GOP_MS:
            log.warning("stream %s: a GOP from %d to %d ms is left out", self._name, gop.start_ms, gop.end_ms)
            return []
        now_ms = self._now_ms()
        if self._received.jumps_to(gop.start_ms, now_ms):
            log.warning(
                "stream %s: source time jumps from %d to %d ms", self._name, self._received.until_ms, gop.start_ms
            )
            self.connected()
        seen = Seen(gop.fingerprint, gop.start_ms, gop.end_ms, now_ms)
        self._gops.append(seen)
        self._received.add(seen)
        plans = self._advance()
        self._told_offset_ms = self._place.offset_ms if self._place else None
        return plans

    def hear(self, peer: Feed | None) -> list[SegmentPlan]:
        """News of the peer; None: it does not answer, or does not have the stream. May release what was held."""
        self._news.take(peer, self._now_ms())
        return self._advance()

    def tick(self) -> list[SegmentPlan]:
        """Time passed: a wait for the peer may be over."""
        return self._advance() if self._patience.waiting else []

    @property
    def timeline(self) -> str:
        """The id that the next segment will have; empty while that is not decided."""
        return self._place.timeline if self._place and not self._patience.waiting else ""

    @property
    def zero_ms(self) -> int:
        """The date at which media time is 0."""
        return self._place.zero_ms if self._place else 0

    @property
    def target_duration_s(self) -> int:
        """EXT-X-TARGETDURATION (RFC 8216, 4.3.3.1): at least every segment's duration, rounded."""
        return max(self._target_s, 1)

    @property
    def keyframes(self) -> tuple[Keyframe, ...]:
        """The recent keyframes, oldest first, by which the peer recognises its own.

        A new one shows the moment its GOP is complete, or together with the next: the peer takes note of the time.
        """
        offset_ms = self._told_offset_ms
        if self._place is None or offset_ms != self._place.offset_ms:
            return ()
        return tuple(Keyframe(fingerprint=s.fingerprint, date_ms=s.start_ms + offset_ms) for s in self._received.seen)

    @property
    def saved(self) -> SavedTimeline | None:
        """What the agent's next life needs; None before there is anything."""
        if self._place is None:
            return self._saved and self._saved.left(self._news.floor)
        return SavedTimeline.of(self._place, self._target_s, self._segment_ms, self._news.floor)

    # ---- one step after the other

    def _advance(self) -> list[SegmentPlan]:
        peer = self._marks()
        if peer is None:
            self._part_from_stranger()
        if self._place is None:
            self._decide(peer)
        plans = []
        while self._place and (plan := self._next(self._place, peer)):
            plans.append(plan)
        return plans

    def _decide(self, peer: Marks | None) -> None:
        """Finds the place of the first segment on a new clock of the source."""
        if not self._gops:
            return
        place = join(self._gops, self._saved, peer) if peer else None
        if place is None and not self._waits():
            floor = self._news.floor.above(self._saved.floor if self._saved else Floor())
            place = begin_alone(self._name, self._role, self._gops[0], floor)
        if place:
            self._start_at(place)

    def _start_at(self, place: Place) -> None:
        self._place = place
        self._patience.end()
        self._drop_before(place.start_ms)

    def _next(self, place: Place, peer: Marks | None) -> SegmentPlan | None:
        """The next complete segment, or None while there is none."""
        here = peer.at(place.start_ms) if peer else None
        if peer and here is not None:
            place = self._place = meet(place, peer, here)
            until_ms = self._received.until_ms or place.start_ms
            in_step = peer.timeline == place.timeline and peer.numbers[here] == place.number
            if in_step and here + 1 < len(peer.times) and peer.times[here + 1] <= until_ms + FAR_MS:
                return self._as_peer(place, peer.times[here + 1])
        if not self._gops:
            return None
        if self._gops[0].start_ms - place.start_ms >= self._hole_ms:
            return self._over_hole(place, peer)
        return self._by_rule(place, peer)

    def _as_peer(self, place: Place, end_ms: int) -> SegmentPlan | None:
        """The peer has this segment already: the same one, or a hole where its first GOP did not come here."""
        if self._received.until_ms is None or self._received.until_ms < end_ms - JITTER_MS:
            return None
        whole = bool(self._gops) and abs(self._gops[0].start_ms - place.start_ms) <= JITTER_MS
        return self._emit(place, self._snapped(end_ms), hole=not whole)

    def _by_rule(self, place: Place, peer: Marks | None) -> SegmentPlan | None:
        """A segment closes at the first GOP's end at which it is long enough, or where the peer, being ahead, cuts."""
        end_ms = place.start_ms
        for gop in self._gops:
            if gop.start_ms - end_ms >= self._hole_ms:
                break
            end_ms = gop.end_ms
            if end_ms - place.start_ms >= self._segment_min_ms - ROUNDING_MS:
                in_step = peer is not None and peer.at(place.start_ms) is not None
                missing = self._news.known and not in_step and self._received.seems_to_miss(gop.start_ms, gop.end_ms)
                return self._emit(place.fork(self._role) if missing else place, end_ms)
            index = peer.at(end_ms) if peer else None
            if peer and index is not None and peer.numbers[index] > place.number:
                # Both drifted apart: from here on the peer's cuts. This short one is not what the peer gave its name.
                return self._emit(place.fork(self._role), end_ms)
        else:
            return None
        if self._waits():
            return None
        return self._emit(place.fork(self._role), end_ms)

    def _over_hole(self, place: Place, peer: Marks | None) -> SegmentPlan | None:
        """GOPs did not come. Without the peer's word on how many segments they were, it is a guess under a new id."""
        first_ms = self._gops[0].start_ms
        for gop in self._gops:
            index = peer.at(gop.start_ms) if peer else None
            if peer and index is not None and peer.numbers[index] >= place.number:
                found = replace(place, start_ms=gop.start_ms).seam(peer.numbers[index])
                # On another timeline (it lost its memory) its number may have had our name before.
                self._start_at(found if peer.timeline == place.timeline else found.fork(self._role))
                return self._next(self._place or place, peer)
        missing_ms = first_ms - place.start_ms
        if first_ms != self._guessed_to_ms:
            if self._waits():
                return None
            self._guessed_to_ms = first_ms
            if missing_ms > HOLE_MS:
                self._start_at(replace(place, start_ms=first_ms).fork(self._role).seam(place.number))
                return self._next(self._place or place, peer)
            if self._news.known:
                place = place.fork(self._role)
        count = max(1, round(missing_ms / self._segment_ms))
        return self._emit(place, place.start_ms + missing_ms // count, hole=True)

    def _emit(self, place: Place, end_ms: int, *, hole: bool = False) -> SegmentPlan:
        plan = SegmentPlan.at(place, end_ms, hole=hole)
        self._start_at(replace(place, number=place.number + 1, start_ms=end_ms, discontinuity=False))
        if not hole:
            self._segment_ms = plan.duration_ms
        self._hold_target(plan.duration_ms)
        return plan

    # ---- what the steps stand on

    def _marks(self) -> Marks | None:
        """Where the peer's segments begin on the own source's clock, if both can be compared."""
        feed = self._news.feed
        if feed is None or not feed.timeline:
            return None
        place, seen = self._place, self._received.seen
        same_clock = place is not None and place.zero_ms == feed.zero_ms
        if place and same_clock and matches(seen, feed.keyframes, place.offset_ms) is not None:
            return marks_of(feed, place.offset_ms)
        offset_ms = find_offset(seen, feed.keyframes, self._news.told_ms)
        return None if offset_ms is None else marks_of(feed, offset_ms)

    def _part_from_stranger(self) -> None:
        """One id, two different streams (two encoders?): no name may stand for both."""
        feed, place = self._news.feed, self._place
        if not (feed and place and place.timeline == feed.timeline) or self._role == "primary":
            return
        if matches(self._received.seen, feed.keyframes, place.offset_ms) is None:
            self._place = place.fork(self._role)

    def _waits(self) -> bool:
        """Whether a decision should wait for the peer."""
        return self._patience.lasts(self._news, self._now_ms())

    @property
    def _hole_ms(self) -> int:
        """What may be missing within a segment before the number of segments is in doubt."""
        return self._segment_min_ms // 2

    def _snapped(self, time_ms: int) -> int:
        """The own keyframe at a mark of the peer's: both round for themselves."""
        ends = [self._received.until_ms or time_ms, *(gop.start_ms for gop in self._gops)]
        return next((end for end in ends if abs(end - time_ms) <= JITTER_MS), time_ms)

    def _drop_before(self, time_ms: int) -> None:
        while self._gops and self._gops[0].start_ms < time_ms - JITTER_MS:
            self._gops.popleft()

    def _hold_target(self, duration_ms: int) -> None:
        """Fixed by the first GOPs and the peer's; raised only by a segment that is longer than it."""
        if not self._target_s:
            gop_ms = max(seen.end_ms - seen.start_ms for seen in self._received.seen)
            # The longest segment that GOPs like these make.
            duration_ms = max(duration_ms, gop_ms * -(-(self._segment_min_ms - ROUNDING_MS) // gop_ms))
        if self._news.feed and self._news.feed.timeline == self.timeline:
            self._target_s = max(self._target_s, self._news.target_duration_s)
        # 2.002 s (60 frames of 29.97 Hz) count as 2: RFC 8216 compares the rounded duration.
        self._target_s = max(self._target_s, -(-(duration_ms - 100) // 1000))
