"""Two origins, an encoder that publishes to both, and everything that can go wrong between them, in simulated time.

Nothing here sleeps: events stand in a queue by their time in milliseconds. Every plan is kept with the true time of
its frames, so that what two origins gave the same name can be compared frame by frame.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, count

from origin.timeline import Gop, SavedTimeline, SegmentPlan, Timeline
from panocast.feed import Feed, FeedSegment, RungFile, State

WALL_MS = 1_795_000_000_000
WINDOW_MS = 30_000
RUNG = RungFile(init="init-000000000000.mp4", size=1)


@dataclass(frozen=True, slots=True)
class Source:
    """What the encoder makes: where its keyframes are (true ms), and what each looks like."""

    starts: Sequence[int]
    fingerprints: Sequence[str]

    @classmethod
    def of(cls, gops_ms: Sequence[int], pictures: Sequence[int], begin_ms: int = 0) -> Source:
        """Keyframes this far apart; equal numbers in `pictures` are equal bytes."""
        starts = [begin_ms, *accumulate(gops_ms, initial=begin_ms)][1:]
        return cls(starts, [f"{pictures[i % len(pictures)]:016x}" for i in range(len(starts))])

    def gops(self) -> list[tuple[int, int, str]]:
        """Start, end, fingerprint."""
        return list(zip(self.starts, self.starts[1:], self.fingerprints, strict=False))


@dataclass(frozen=True, slots=True)
class Told:
    """A plan with the true time of its frames and of its publication."""

    origin: str
    plan: SegmentPlan
    start_ms: int
    end_ms: int
    told_ms: int
    memory: int
    """Counts the lives that began without what the one before had saved."""


@dataclass(slots=True)
class Connection:
    """An encoder's connection to one origin: its clock's zero (true ms), how long frames are under way, what is lost
    (`holes`: these GOPs never come; `merged`: their keyframes do not, so that the GOP before seems longer)."""

    source: Source
    since_ms: int
    until_ms: int
    zero_ms: int
    latency_ms: int = 50
    holes: frozenset[int] = frozenset()
    merged: frozenset[int] = frozenset()
    jitter_ms: int = 0


class Origin:
    """One origin: its agent's lives, what it published, what it tells."""

    def __init__(self, world: World, role: str, skew_ms: int, segment_min_ms: int) -> None:
        self.world, self.role, self.skew_ms, self.segment_min_ms = world, role, skew_ms, segment_min_ms
        self.told: list[Told] = []
        self.received: set[int] = set()
        self.window: list[SegmentPlan] = []
        self.zero_ms: int | None = None
        self.connection: Connection | None = None
        self.saved_connection: Connection | None = None
        self.alive = True
        self.saved: SavedTimeline | None = None
        self.life = self.memory = 0
        self.version = 0
        self.timeline = self._born(None)
        self.peer: Origin
        self.hears = True
        self.up_since_ms = 0
        self._state: object = None
        self.nonsense: Callable[[Feed], Feed] | None = None

    def _born(self, saved: SavedTimeline | None) -> Timeline:
        return Timeline("show", self.role, segment_min_ms=self.segment_min_ms, now_ms=self.now_ms, saved=saved)

    def now_ms(self) -> int:
        return WALL_MS + self.world.time_ms + self.skew_ms

    def die(self) -> None:
        self.alive = False
        self.world.at(self.world.time_ms + 20, self.peer.hear_now)

    def rise(self, *, keep: bool) -> None:
        self.alive = True
        self.up_since_ms = self.world.time_ms
        self.life += 1
        self.memory += not keep
        self.window = []
        self.saved = self.saved if keep else None
        self.timeline = self._born(self.saved)
        if self.saved_connection is not self.connection:
            self.timeline.connected()
        self.world.at(self.world.time_ms + self.world.feed_ms, self.hear_now)
        self.changed()

    def end(self) -> None:
        """No encoder came back: its playlists end, and those of the next event are new."""
        self.window = []
        self.timeline = self._born(self.saved and self.saved.ended())

    def connect(self, connection: Connection) -> None:
        self.connection = connection
        self.zero_ms = connection.zero_ms
        if self.alive:
            self.timeline.connected()
            self.changed()

    def disconnect(self, connection: Connection) -> None:
        if self.connection is connection:
            self.connection = None
            self.changed()

    def gop(self, connection: Connection, gop: Gop) -> None:
        if self.alive and self.connection is connection:
            self.received.add(gop.start_ms + connection.zero_ms)
            plans = self.timeline.gop(gop)
            self.publish(plans)
            if plans or not self.world.told_by_segment:
                self.changed()

    def publish(self, plans: Sequence[SegmentPlan]) -> None:
        assert self.zero_ms is not None or not plans
        for plan in plans:
            zero = self.zero_ms or 0
            true = (plan.start_ms + zero, plan.end_ms + zero)
            self.told.append(Told(self.role, plan, *true, self.world.time_ms, self.memory))
            if self.window and self.window[-1].number + 1 != plan.number:
                self.window = []
            self.window.append(plan)
        while self.window and self.window[-1].date_ms - self.window[0].date_ms > WINDOW_MS:
            self.window.pop(0)
        self.saved, self.saved_connection = self.timeline.saved, self.connection

    def feed(self) -> Feed | None:
        if not self.alive or (self.connection is None and not self.window):
            return None
        state = State.PAUSED if self.connection is None else State.LIVE if self.window else State.STARTING
        feed = Feed(
            name="show",
            role=self.role,
            epoch=f"{self.role}{self.life}",
            version=self.version,
            state=state,
            now_ms=self.now_ms(),
            timeline=self.timeline.timeline,
            zero_ms=self.timeline.zero_ms,
            target_duration_s=self.timeline.target_duration_s,
            segments=tuple(map(told_segment, self.window)),
            keyframes=self.timeline.keyframes,
        )
        return self.nonsense(feed) if self.nonsense else feed

    def changed(self) -> None:
        """The peer's long poll is answered."""
        self.version += 1
        feed = self.feed()
        life = self.life
        self.world.at(self.world.time_ms + self.world.feed_ms, lambda: self.peer.hear(feed, life))

    def hear(self, feed: Feed | None, life: int) -> None:
        if life == self.peer.life and self.hears and self.alive and self.connection is not None:
            self.publish(self.timeline.hear(feed if self.peer.alive else None))
            self.changed_if_new()

    def hear_now(self) -> None:
        """A new long poll (after a silence) is answered with what there is."""
        if self.alive and self.connection is not None:
            self.publish(self.timeline.hear(self.peer.feed() if self.hears else None))
            self.changed_if_new()

    def changed_if_new(self) -> None:
        state = (len(self.told), "" if self.world.told_by_segment else self.timeline.timeline)
        if state != self._state:
            self._state = state
            self.changed()

    def tick(self) -> None:
        if self.alive:
            self.publish(self.timeline.tick())
            self.changed_if_new()


@lru_cache(4096)
def told_segment(plan: SegmentPlan) -> FeedSegment:
    """A plan as the feed tells it."""
    return FeedSegment(
        timeline=plan.timeline,
        number=plan.number,
        date_ms=plan.date_ms,
        duration_ms=plan.duration_ms,
        discontinuity=plan.discontinuity,
        discontinuity_sequence=plan.discontinuity_sequence,
        rungs={} if plan.hole else {1920: RUNG},
    )


@dataclass(slots=True)
class World:
    """Simulated time and both origins."""

    skew_ms: int = 0
    feed_ms: int = 20
    segment_min_ms: int = 1000
    told_by_segment: bool = False
    time_ms: int = 0
    _queue: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _count: count[int] = field(default_factory=count)
    primary: Origin = field(init=False)
    backup: Origin = field(init=False)

    def __post_init__(self) -> None:
        self.primary = Origin(self, "primary", 0, self.segment_min_ms)
        self.backup = Origin(self, "backup", self.skew_ms, self.segment_min_ms)
        self.primary.peer, self.backup.peer = self.backup, self.primary

    @property
    def origins(self) -> tuple[Origin, Origin]:
        return self.primary, self.backup

    def at(self, time_ms: int, do: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (time_ms, next(self._count), do))

    def publish(self, origin: Origin, connection: Connection) -> None:
        """The encoder publishes to this origin for the connection's life."""

        def begin() -> None:
            origin.connect(connection)
            self.at(self.time_ms + self.feed_ms, origin.hear_now)

        self.at(connection.since_ms, begin)
        self.at(connection.until_ms, lambda: origin.disconnect(connection))
        gops = connection.source.gops()
        wobble = [(i * 7919) % (2 * connection.jitter_ms + 1) - connection.jitter_ms for i in range(len(gops) + 1)]
        previous: tuple[int, int, str] | None = None
        for i, (start, end, fingerprint) in enumerate(gops):
            if start < connection.since_ms or end > connection.until_ms:
                continue
            if i in connection.holes:
                previous = None
                continue
            lost_next = i + 1 in connection.merged and i + 1 < len(gops)
            if i in connection.merged:
                if previous is None:
                    continue
                start, fingerprint = previous[0], previous[2]
                begin_i = previous[1]
            else:
                begin_i = i
            if lost_next:
                previous = (start, begin_i, fingerprint)
                continue
            previous = None
            gop = Gop(
                start - connection.zero_ms + wobble[begin_i], end - connection.zero_ms + wobble[i + 1], fingerprint
            )
            arrives = end + connection.latency_ms

            def deliver(gop: Gop = gop, end: int = end, start: int = start) -> None:
                if start + connection.latency_ms >= origin.up_since_ms:
                    origin.gop(connection, gop)

            self.at(arrives, deliver)

    def restart(self, origin: Origin, at_ms: int, for_ms: int, *, keep: bool = True) -> None:
        """The agent dies and comes back, with what it saved or without."""

        self.at(at_ms, origin.die)
        self.at(at_ms + for_ms, lambda: origin.rise(keep=keep))

    def part(self, origin: Origin, at_ms: int, for_ms: int) -> None:
        """This origin does not hear the other for a while."""

        def deaf() -> None:
            origin.hears = False
            origin.hear_now()

        def hearing() -> None:
            origin.hears = True
            origin.hear_now()

        self.at(at_ms, deaf)
        self.at(at_ms + for_ms, hearing)

    def run(self, until_ms: int) -> None:
        for time in range(0, until_ms, 200):
            for origin in self.origins:
                self.at(time, origin.tick)
        while self._queue and self._queue[0][0] <= until_ms:
            self.time_ms, _, do = heapq.heappop(self._queue)
            do()
