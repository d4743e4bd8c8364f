"""One stream of the application `live` from its first frame to its last: what it is, whether it plays, its warnings.

`step` looks at what is and does what is missing; it may be called at any time, any number of times.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from origin.keyframes import KeyframeMeter
from origin.ladder import Source
from origin.show import Client, Packager
from origin.source import judge
from origin.stat import Published, Stat
from panocast.errors import RefusedError
from panocast.ladder import Size

log = logging.getLogger(__name__)

NewestRecording = Callable[[str], Path | None]


class LiveStream:
    """One publish under one name."""

    def __init__(
        self, name: str, client: Client, since: datetime, packager: Packager, newest_recording: NewestRecording
    ) -> None:
        self.name = name
        self.since = since
        self._newest_recording = newest_recording
        self._meter = KeyframeMeter()
        self._show = packager.open(name, client, self._meter)
        self._source: Source | None = None
        self._refused: str | None = None
        self._said: set[str] = set()
        self._clock = asyncio.get_running_loop().time
        self._video_at: float | None = None
        self._playable = False

    @property
    def size(self) -> Size | None:
        """The source's picture, once known."""
        return self._source.size if self._source else None

    @property
    def widths(self) -> tuple[int, ...]:
        """The rungs that can be played, largest first."""
        return self._show.widths

    @property
    def shed(self) -> tuple[int, ...]:
        """The rungs that this machine is too slow for."""
        return self._show.shed

    @property
    def playable(self) -> bool:
        """Whether its multivariant playlist is in place."""
        return bool(self.widths)

    async def step(self, seen: Published, stat: Stat) -> None:
        """Go on from what nginx says now of the stream, and of everything else.

        Raises RefusedError, in words, for a stream that can never be shown, and from then on at every step.
        """
        if self._refused:
            raise RefusedError(self._refused)
        try:
            await self._go_on(seen, stat)
        except RefusedError as error:
            self._refused = str(error)
            raise

    async def _go_on(self, seen: Published, stat: Stat) -> None:
        if path := self._newest_recording(self.name):
            with contextlib.suppress(OSError):
                self._meter.read(path)
        if seen.video and self._video_at is None:
            self._video_at = self._clock()
        source = judge(seen, self._clock() - self._video_at if self._video_at is not None else 0.0)
        self._source = source or self._source
        if self._source:
            await self._show.step(self._source, seen, stat)
        if self.playable and not self._playable:
            log.info("%s: playable %.1f s after it was published", self.name, seen.age_s)
        self._playable = self.playable
        self._say_warnings()

    def warnings(self) -> list[str]:
        """What its owner should know, in words."""
        keyframes = self._meter.warning()
        return [*([keyframes] if keyframes else []), *self._show.warnings()]

    def _say_warnings(self) -> None:
        """Each kind of warning once in the log; its figures may change."""
        for warning in self.warnings():
            kind = re.sub(r"[\d.]", "", warning)[:20]
            if kind not in self._said:
                self._said.add(kind)
                log.warning("%s: %s", self.name, warning)

    async def stop(self) -> None:
        """The encoder left, or the agent stops."""
        self._meter.close()
        await self._show.stop()
