"""Who watches what: nginx writes a line for each request of a live file, the agent reads them and empties the file.

A line may be lost (one that is written between reading and emptying), so everything here is approximate.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

WINDOW_S = 10.0
LARGEST_READ = 8 << 20


@dataclass(frozen=True, slots=True)
class Requests:
    """What was asked of one stream in a while: media playlists, and bytes sent of everything."""

    playlists: int
    sent: int


def count(lines: Iterable[str]) -> dict[str, Requests]:
    """Requests by stream, out of lines of `STREAM REST BYTES`, where REST is the path after the stream's name; what is
    not such a line is passed over."""
    playlists: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    for line in lines:
        words = line.split(" ")
        if len(words) == 3 and words[2].isdecimal():
            playlists[words[0]] += words[1].endswith("/index.m3u8")
            sent[words[0]] += int(words[2])
    return {name: Requests(playlists[name], sent[name]) for name in sent}


@dataclass(slots=True)
class Audience:
    """The viewers of each stream over the last seconds. Times in seconds on one clock."""

    asked_at: dict[str, float] = field(default_factory=dict)
    _seen: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)

    def note(self, requests: dict[str, Requests], now: float) -> None:
        """Take what was asked since the last call; a last line of a stream that is mirrored no more is passed over."""
        for name in requests.keys() & self.asked_at.keys():
            self.asked_at[name] = now
            self._seen.setdefault(name, deque()).append((now, requests[name].playlists))
        for seen in self._seen.values():
            while seen and seen[0][0] <= now - WINDOW_S:
                seen.popleft()

    def viewers(self, name: str, target_duration_s: float) -> float:
        """How many watch: a player asks for its playlist once in each target duration (RFC 8216, 6.3.4)."""
        return sum(count for _, count in self._seen.get(name, ())) * target_duration_s / WINDOW_S

    def asked(self, name: str, now: float) -> None:
        """Somebody asked the agent itself for a stream, which is mirrored from now on."""
        self.asked_at[name] = now

    def forget(self, name: str) -> None:
        """A stream is mirrored no more."""
        self.asked_at.pop(name, None)
        self._seen.pop(name, None)


def take_log(path: Path) -> list[str]:
    """The lines of the log, which is empty afterwards; nginx goes on appending to it. None of a file that is not
    there."""
    try:
        with path.open("r+b") as file:
            data = file.read(LARGEST_READ)
            file.truncate(0)
    except FileNotFoundError:
        return []
    return data.decode("ascii", "replace").splitlines()
