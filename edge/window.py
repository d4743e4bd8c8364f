"""The segments that viewers of one stream are shown: consecutive in number, never a step backwards, whichever origin
they come from and on whichever timeline that is.

Pure: what the origins say goes in (edge/sight.py), what to fetch (edge/wanted.py) and playlists (edge/shown.py) come
out of it. Numbers, names and dates are the origins' own, so that all edges agree. Where an origin's numbers would lead
backwards, its segments are shown under an alias: another timeline's name, with numbers that go on.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from edge.sight import Key, Sight, following, key_of
from panocast.feed import FeedRung, FeedSegment, RungFile, rung_folder
from panocast.live_hls import shared_lines

START_S = 12.0
"""So much of an origin's window is taken when the mirror begins: enough for a player to start, quickly fetched."""
KEEP_S = 60.0
"""A segment stays so long at most after it left the playlists, for viewers who are behind (RFC 8216, 6.2.2)."""
GONE_S = 30.0
"""A stream that no origin has for so long is over."""


@dataclass(slots=True)
class Entry:
    """One segment in the window: as the origins call it, as viewers see it, and which rungs of it are here.

    A width in `gaps` will never come. `placed_at` is on the clock of whoever fills the window, in seconds. `key`,
    what origins call it, and `lines`, what every rung's playlist says of it, are made once: a long window is looked
    through many times a second.
    """

    told: FeedSegment
    shown: FeedSegment
    placed_at: float
    there: dict[int, RungFile] = field(default_factory=dict)
    gaps: set[int] = field(default_factory=set)
    key: Key = field(init=False, repr=False)
    lines: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.key = key_of(self.told)
        self.lines = shared_lines(self.shown)


@dataclass(slots=True)
class Window:
    """What is shown of the stream `name`. `first` is the number at which each rung's playlist began, `span_ms` the
    longest window an origin told, `retired` the files that left and when they may go. All of it can be saved."""

    name: str
    entries: list[Entry] = field(default_factory=list)
    first: dict[int, int] = field(default_factory=dict)
    rungs: tuple[FeedRung, ...] = ()
    target_duration_s: int = 1
    span_ms: int = 0
    number_shift: int = 0
    seams_shift: int = 0
    retired: list[tuple[float, str]] = field(default_factory=list)

    @property
    def last(self) -> Entry | None:
        """The newest segment."""
        return self.entries[-1] if self.entries else None

    @property
    def last_key(self) -> Key | None:
        """What origins call the newest segment."""
        return self.entries[-1].key if self.entries else None

    def resume(self, now: float) -> None:
        """Go on with what was saved, maybe by another clock."""
        for entry in self.entries:
            entry.placed_at = now
        self.retired = [(now + KEEP_S, path) for _, path in self.retired]

    def entry(self, number: int) -> Entry | None:
        """The segment that is shown under a number, if it is still in the window."""
        return next((entry for entry in self.entries if entry.shown.number == number), None)

    def take(self, sight: Sight, now: float) -> None:
        """Place what the origin in use has after the newest segment, and let the oldest leave."""
        feed = sight.feed
        if feed is None or not feed.segments:
            return
        self.target_duration_s = max(self.target_duration_s, feed.target_duration_s)
        self.span_ms = max(self.span_ms, sum(segment.duration_ms for segment in feed.segments))
        if self.last is None:
            after, seam = newest(feed.segments, START_S), False
        else:
            after, seam = _after(sight, feed.segments, self.last)
        for index, segment in enumerate(after):
            self._place(segment, seam=seam and index == 0, now=now)
        self._trim(now)

    def _place(self, told: FeedSegment, *, seam: bool, now: float) -> None:
        last = self.last.shown if self.last else None
        if last is None:
            self.number_shift = self.seams_shift = 0
        elif seam or told.number + self.number_shift <= last.number:
            self.number_shift = 0 if told.number > last.number else last.number + 1 - told.number
        number = told.number + self.number_shift
        discontinuity = told.discontinuity or seam
        seams = told.discontinuity_sequence + self.seams_shift
        if last is not None:
            if number == last.number + 1:  # players count the seams themselves
                discontinuity = discontinuity or seams > last.discontinuity_sequence
                seams = last.discontinuity_sequence + discontinuity
            else:
                seams = max(seams, last.discontinuity_sequence + discontinuity)
        self.seams_shift = seams - told.discontinuity_sequence
        told = told.model_copy(update={"rungs": {}})  # `there` says what is had of it
        shown = told.model_copy(
            update={
                "timeline": _alias(told.timeline, self.number_shift),
                "number": number,
                "discontinuity": discontinuity,
                "discontinuity_sequence": seams,
            }
        )
        if last is not None and number != last.number + 1:
            # Numbers are consecutive in a playlist: what comes after a hole stands in a window of its own.
            self._retire(len(self.entries), now)
            self.first.clear()
        self.entries.append(Entry(told, shown, now))

    def _trim(self, now: float) -> None:
        total = sum(entry.shown.duration_ms for entry in self.entries)
        count = 0
        while total > self.span_ms and count < len(self.entries) - 1:
            total -= self.entries[count].shown.duration_ms
            count += 1
        self._retire(count, now)

    def _retire(self, count: int, now: float) -> None:
        leaving = self.entries[:count]
        del self.entries[:count]
        for entry in leaving:
            until = now + min(self.span_ms / 1000, KEEP_S) + entry.shown.duration_ms / 1000
            for width, file in entry.there.items():
                folder = rung_folder(self.name, width)
                self.retired += [(until, f"{folder}/{entry.shown.name}"), (until, f"{folder}/{file.init}")]

    def sweep(self, now: float) -> list[str]:
        """The files, below /hls/, that are not needed any more."""
        over = {path for until, path in self.retired if until <= now}
        if not over:
            return []
        self.retired = [(until, path) for until, path in self.retired if until > now]
        needed = {path for _, path in self.retired}
        for entry in self.entries:
            needed |= {f"{rung_folder(self.name, width)}/{file.init}" for width, file in entry.there.items()}
        return sorted(over - needed)


def newest(segments: tuple[FeedSegment, ...], span_s: float) -> tuple[FeedSegment, ...]:
    """The newest segments that together last at least `span_s`, or all of them."""
    total_ms, count = 0, 0
    while count < len(segments) and total_ms < span_s * 1000:
        count += 1
        total_ms += segments[-count].duration_ms
    return segments[len(segments) - count :]


def _after(sight: Sight, segments: tuple[FeedSegment, ...], last: Entry) -> tuple[tuple[FeedSegment, ...], bool]:
    """What an origin has after the last segment that was shown, and whether there is a seam before it."""
    continued = following(segments, last.key)
    if last.key in sight.segments:
        return tuple(continued or ()), False
    # It may have been on another timeline by then. Of that one, what goes on is what was made after the last that was
    # shown came: the origins' clocks may differ, the edge's own does not.
    told = segments if continued is None else tuple(continued)
    for index, (segment, made_at) in enumerate(zip(told, sight.made_at(told), strict=True)):
        same = segment.timeline == last.told.timeline
        if same or made_at > last.placed_at:
            return told[index:], not same
    return (), False


def _alias(timeline: str, shift: int) -> str:
    """The name of a timeline whose numbers are shifted: no name is ever used for another segment."""
    return hashlib.sha256(f"{timeline}+{shift}".encode()).hexdigest()[:8] if shift else timeline
