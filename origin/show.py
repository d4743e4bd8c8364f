"""What shows a published stream to viewers: the seam between what is published and how it becomes HLS.

Two packagers stand behind it: origin/packager (our own) and origin/loopback.py (nginx-rtmp's).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from origin.keyframes import KeyframeMeter
from origin.ladder import Source
from origin.stat import Published, Stat

Client = tuple[int, int]
"""nginx's process id and its number for the connection: together they name one publish."""

Ask = Callable[[], Awaitable[Stat]]
"""Asks nginx who publishes what; raises TemporaryError while it cannot say."""


class Show(Protocol):
    """One publish as viewers see it."""

    @property
    def widths(self) -> tuple[int, ...]:
        """The rungs that can be played; none as long as the stream is not playable."""

    @property
    def shed(self) -> tuple[int, ...]:
        """The rungs that this machine is too slow for at the moment."""

    async def step(self, source: Source, seen: Published, stat: Stat) -> None:
        """Go on from what nginx says now; raises OSError."""

    def warnings(self) -> list[str]:
        """What the stream's owner should know, in words."""

    async def stop(self) -> None:
        """The encoder left, or the agent stops: end what runs."""


class Packager(Protocol):
    """Shows streams."""

    @property
    def expected(self) -> list[str]:
        """Streams whose publisher was let in and is not seen yet."""

    async def expect(self, name: str, client: int) -> None:
        """A publisher is let in, and waits for our answer: what should be there before its first frame starts now."""

    def reader_came(self, name: str) -> None:
        """nginx says that somebody reads this stream."""

    def open(self, name: str, client: Client, meter: KeyframeMeter) -> Show:
        """The show of a publish, whose keyframes `meter` measures."""

    async def tidy(self, live: Collection[str], stat: Stat) -> None:
        """Only these streams are published now: what others left goes when its time has come."""

    async def close(self) -> None:
        """The agent stops: end what still runs, keep what its next life needs."""
