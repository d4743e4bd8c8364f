"""One stream of the application `live` from its first frame to its last: ladder, playlist, warnings.

`step` looks at what is and does what is missing; it may be called at any time, any number of times.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from origin.keyframes import KeyframeMeter
from origin.ladder import Source, ladder_argv, rung_widths
from origin.show import OVERHEAD, Show, ShownRung, ceiling_bps, multivariant
from origin.source import judge
from origin.stat import Published
from origin.transcode import Transcode
from panocast.ladder import Size, live_rungs

log = logging.getLogger(__name__)

# How long the rungs that are there wait for one that is not.
COMPLETE_WAIT_S = 3.0
SLOW = 0.95
# Bandwidths are told in steps, so that a playlist does not change with every segment.
_STEP_BPS = 100_000


@dataclass(frozen=True, slots=True)
class Places:
    """Where a live stream's pieces are: the URL to read it from, its rungs, its newest recording."""

    source_url: Callable[[str], str]
    show: Show
    newest_recording: Callable[[str], Path | None]


class LiveStream:
    """One publish under one name."""

    def __init__(self, name: str, since: datetime, places: Places) -> None:
        self.name = name
        self.since = since
        self.widths: tuple[int, ...] = ()
        self._places = places
        self._meter = KeyframeMeter()
        self._source: Source | None = None
        self._transcode: Transcode | None = None
        self._peaks: dict[int, int] = {}
        self._playlist = ""
        self._changed: str | None = None
        self._said: set[str] = set()
        self._clock = asyncio.get_running_loop().time
        self._video_at: float | None = None
        self._first_rung_at: float | None = None
        self._shown: Source | None = None
        self._frame_rate = Fraction(30)

    @property
    def size(self) -> Size | None:
        """The source's picture, once known."""
        return self._source.size if self._source else None

    @property
    def playable(self) -> bool:
        """Whether its multivariant playlist is in place."""
        return bool(self.widths)

    async def step(self, seen: Published, shown: Mapping[str, Published]) -> None:
        """Go on from what nginx says now: of the stream itself, and of the rungs in `show`.

        Raises RefusedError, in words, for a stream that can never be shown.
        """
        if path := self._places.newest_recording(self.name):
            with contextlib.suppress(OSError):
                self._meter.read(path)
        if seen.video and self._video_at is None:
            self._video_at = self._clock()
        source = judge(seen, self._clock() - self._video_at if self._video_at is not None else 0.0)
        if source and source != self._source:
            await self._start(source, shown)
        if self._source:
            self._publish(self._source, seen, shown)
        self._say_warnings()

    async def _start(self, source: Source, shown: Mapping[str, Published]) -> None:
        if self._transcode:
            self._changed = f"the source changed from {self._source} to {source}"
            await self._transcode.stop()
            self._transcode = None
            self._first_rung_at = None
        if any(rung.startswith(f"{self.name}_") for rung in shown):
            return  # an earlier ladder is still leaving
        show = self._places.show
        show.clear(self.name, before_ms=self.since.timestamp() * 1000)
        argv = ladder_argv(self._places.source_url(self.name), source, lambda width: show.target(self.name, width))
        log.info("%s: %s, rungs %s", self.name, source, ", ".join(map(str, rung_widths(source))))
        self._source = source
        self._transcode = Transcode(self.name, argv)

    def _publish(self, source: Source, seen: Published, shown: Mapping[str, Published]) -> None:
        """Write the multivariant playlist once every rung has a segment, or those that have one after a while."""
        rungs = [rung for width in rung_widths(source) if (rung := self._rung(source, width, shown))]
        if not rungs:
            return
        if self._first_rung_at is None:
            self._first_rung_at = self._clock()
        complete = len(rungs) == len(rung_widths(source))
        if not complete and (source == self._shown or self._clock() - self._first_rung_at < COMPLETE_WAIT_S):
            return
        if source != self._shown:
            self._shown, self._frame_rate = source, self._meter.frame_rate
        text = multivariant(self.name, rungs, self._frame_rate)
        if text != self._playlist:
            self._places.show.write_playlist(self.name, text)
            self._playlist = text
        if not self.playable:
            log.info("%s: playable %.1f s after it was published", self.name, seen.age_s)
        self.widths = tuple(rung.width for rung in rungs)

    def _rung(self, source: Source, width: int, shown: Mapping[str, Published]) -> ShownRung | None:
        published = shown.get(f"{self.name}_{width}")
        peak_bps = self._places.show.peak_bps(self.name, width)
        if published is None or published.video is None or peak_bps is None:
            return None
        encoded = next((ceiling_bps(r) for r in live_rungs(source.size) if r.size.width == width), 0)
        measured = -(-round(peak_bps * OVERHEAD) // _STEP_BPS) * _STEP_BPS
        self._peaks[width] = max(encoded, measured, self._peaks.get(width, 0))
        return ShownRung(published.video, published.audio is not None, self._peaks[width])

    def warnings(self) -> list[str]:
        """What its owner should know, in words."""
        found = [self._meter.warning(), self._changed]
        if self._transcode:
            speed = self._transcode.speed
            if speed is not None and speed < SLOW:
                found.append(f"the ladder runs at {speed:.2f} of real time: this machine is too slow for its rungs")
            if self._transcode.starts > 1:
                found.append(f"the ladder was started {self._transcode.starts} times: {self._transcode.last_error}")
        return [warning for warning in found if warning]

    def _say_warnings(self) -> None:
        """Each kind of warning once in the log; its figures may change."""
        for warning in self.warnings():
            kind = re.sub(r"[\d.]", "", warning)[:20]
            if kind not in self._said:
                self._said.add(kind)
                log.warning("%s: %s", self.name, warning)

    async def stop(self) -> None:
        """End ffmpeg, and leave what it made: an agent that starts again goes on with it."""
        self.widths = ()
        self._meter.close()
        if self._transcode:
            await self._transcode.stop()
            self._transcode = None
