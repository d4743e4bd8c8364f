"""A stream, two origins and the edge's state machines in one thread and one imaginary clock."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edge.choice import Choice
from edge.shown import media_playlists, note_rungs
from edge.sight import Sight
from edge.wanted import arrived, give_up, mark_gaps, wanted
from edge.window import Window
from panocast.feed import Feed, FeedRung, FeedSegment, RungFile, State

WIDTHS = (1920, 640)
INIT = "init-0123456789ab.mp4"
STEP_S = 0.1


def segment(
    number: int, timeline: str = "aaaaaaaa", *, widths: tuple[int, ...] = WIDTHS, **more: object
) -> FeedSegment:
    """A segment of a second, with these rungs; `more` as in FeedSegment."""
    told: dict[str, object] = {"date_ms": 1_000_000 + number * 1000, "duration_ms": 1000, **more}
    rungs = {width: RungFile(init=INIT, size=1000) for width in widths}
    return FeedSegment.model_validate({"timeline": timeline, "number": number, "rungs": rungs, **told})


def feed(
    *segments: FeedSegment, role: str = "primary", state: State = State.LIVE, widths: tuple[int, ...] = WIDTHS
) -> Feed:
    """What an origin tells."""
    return Feed(
        name="cam",
        role=role,
        epoch="e",
        version=1,
        state=state,
        now_ms=0,
        target_duration_s=1,
        rungs=tuple(
            FeedRung(width=w, height=w // 2, frame_rate=30, codecs="avc1.640028", bandwidth_bps=w) for w in widths
        ),
        segments=segments,
    )


@dataclass
class Origin:
    """An origin of the simulation: what it has, and what is wrong with it."""

    role: str
    segments: list[FeedSegment] = field(default_factory=list)
    up: bool = True
    frozen: bool = False
    files_fail: bool = False
    widths: tuple[int, ...] = WIDTHS
    state: State = State.LIVE

    def make(self, made: FeedSegment) -> None:
        """Have a new segment, with the rungs that it is able to make."""
        rungs = {width: file for width, file in made.rungs.items() if width in self.widths}
        self.segments = [*self.segments, made.model_copy(update={"rungs": rungs})][-10:]

    def tell(self) -> Feed | None:
        """What it answers now."""
        if not self.up:
            return None
        return feed(*self.segments, role=self.role, state=self.state) if self.segments else None


class Simulation:
    """The edge as pure functions: every step hears, decides, takes, fetches and renders as edge/mirror.py does."""

    def __init__(self) -> None:
        self.now = 0.0
        self.origins = {"primary": Origin("primary"), "backup": Origin("backup")}
        self.sights = {role: Sight(role, 0.0) for role in self.origins}
        self.choice = Choice(list(self.origins), back_s=5.0)
        self.switches = 0
        self.window = Window("cam")
        self.viewers = {width: Viewer() for width in WIDTHS}
        self.failures: dict[tuple[int, int], int] = {}

    def step(self) -> None:
        """A tenth of a second passes."""
        self.now += STEP_S
        for role, origin in self.origins.items():
            if not origin.frozen:
                self.sights[role].hear(origin.tell(), self.now)
        before = self.choice.role
        active = self.choice.decide(self.sights, self.window.last_key, self.now)
        self.switches += before not in (None, active)
        if active is None:
            return
        self.window.take(self.sights[active], self.now)
        note_rungs(self.window, self.sights, active)
        for want in list(wanted(self.window, self.sights, active, self.now)):
            for role, file in want.sources:
                origin = self.origins[role]
                if origin.up and not origin.frozen and not origin.files_fail:
                    arrived(self.window, want, file)
                    self.choice.fetched(role)
                    break
                self.choice.failed(role, "it fails", self.now)
            else:
                key = (want.number, want.width)
                self.failures[key] = self.failures.get(key, 0) + 1
                if self.failures[key] > 3:
                    give_up(self.window, *key)
        mark_gaps(self.window, self.sights, self.now)
        for path, text in media_playlists(self.window).items():
            width = int(path.partition("_")[2].partition("/")[0])
            self.viewers[width].see(text)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / STEP_S)):
            self.step()


@dataclass
class Viewer:
    """Sees every version of one media playlist, and insists on RFC 8216 (6.2.1, 6.2.2): nothing goes backwards and
    nothing that was said changes."""

    sequence: int = -1
    last: int = -1
    said: dict[int, tuple[str, str, int]] = field(default_factory=dict)

    def see(self, text: str) -> None:
        """Take the next version."""
        first = int(_tag(text, "EXT-X-MEDIA-SEQUENCE"))
        seams = int(_tag(text, "EXT-X-DISCONTINUITY-SEQUENCE"))
        target_s = int(_tag(text, "EXT-X-TARGETDURATION"))
        number, about = first, ""
        shown = []
        for line in text.splitlines():
            if line == "#EXT-X-DISCONTINUITY":
                seams += 1
            elif line.startswith("#EXTINF:"):
                about = line
                assert round(float(line[8:-1])) <= target_s
            elif line == "#EXT-X-GAP":
                about = line
            elif line and not line.startswith("#"):
                shown.append((number, (line, about, seams)))
                number += 1
        assert shown, text
        assert first >= self.sequence, f"from {self.sequence} back to {first}"
        assert shown[-1][0] >= self.last, f"from {self.last} back to {shown[-1][0]}"
        self.sequence, self.last = first, shown[-1][0]
        for at, said in shown:
            assert self.said.setdefault(at, said) == said, f"{at} was {self.said[at]}, is {said}"
        uris = [uri for uri, _, _ in self.said.values()]
        assert len(uris) == len(set(uris)), "a name stands for two segments"


def _tag(text: str, name: str) -> str:
    match = re.search(rf"^#{name}:(.*)$", text, re.MULTILINE)
    assert match, f"no {name} in {text}"
    return match[1]
