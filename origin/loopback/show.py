"""One stream shown by nginx-rtmp: one ffmpeg for all its rungs, and the multivariant playlist once they are there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from fractions import Fraction

from origin.keyframes import KeyframeMeter
from origin.ladder import Source, ladder_argv, rung_widths
from origin.loopback.folders import OVERHEAD, Loopback, ShownRung, ceiling_bps, multivariant
from origin.loopback.transcode import Transcode
from origin.show import Client
from origin.stat import Published, Stat
from panocast.ladder import live_rungs

log = logging.getLogger(__name__)

# How long the rungs that are there wait for one that is not.
COMPLETE_WAIT_S = 3.0
SLOW = 0.95
# Bandwidths are told in steps, so that a playlist does not change with every segment.
_STEP_BPS = 100_000


class LoopbackShow:
    """One publish, laddered by one ffmpeg into the loopback."""

    def __init__(self, name: str, url: str, loopback: Loopback, meter: KeyframeMeter) -> None:
        self.widths: tuple[int, ...] = ()
        self.shed: tuple[int, ...] = ()
        self._name, self._url, self._loopback, self._meter = name, url, loopback, meter
        self._source: Source | None = None
        self._transcode: Transcode | None = None
        self._peaks: dict[int, int] = {}
        self._playlist = ""
        self._changed: str | None = None
        self._clock = asyncio.get_running_loop().time
        self._first_rung_at: float | None = None
        self._shown: Source | None = None
        self._frame_rate = Fraction(30)

    async def step(self, source: Source, seen: Published, stat: Stat) -> None:
        """Go on from what nginx says now, of the stream and of the rungs in `show`; raises OSError."""
        shown = stat.of("show")
        if source != self._source:
            await self._start(source, seen, shown)
        if self._source:
            self._publish(self._source, shown)

    async def _start(self, source: Source, seen: Published, shown: Mapping[str, Published]) -> None:
        if self._transcode:
            self._changed = f"the source changed from {self._source} to {source}"
            await self.stop()
            self._first_rung_at = None
        if any(rung.startswith(f"{self._name}_") for rung in shown):
            return  # an earlier ladder is still leaving
        loopback = self._loopback
        loopback.clear(self._name, before_ms=(time.time() - seen.age_s) * 1000)
        argv = ladder_argv(self._url, source, lambda width: loopback.target(self._name, width))
        log.info("%s: %s, rungs %s", self._name, source, ", ".join(map(str, rung_widths(source))))
        self._source = source
        self._transcode = Transcode(self._name, argv)

    def _publish(self, source: Source, shown: Mapping[str, Published]) -> None:
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
        text = multivariant(self._name, rungs, self._frame_rate)
        if text != self._playlist:
            self._loopback.write_playlist(self._name, text)
            self._playlist = text
        self.widths = tuple(rung.width for rung in rungs)

    def _rung(self, source: Source, width: int, shown: Mapping[str, Published]) -> ShownRung | None:
        published = shown.get(f"{self._name}_{width}")
        peak_bps = self._loopback.peak_bps(self._name, width)
        if published is None or published.video is None or peak_bps is None:
            return None
        encoded = next((ceiling_bps(r) for r in live_rungs(source.size) if r.size.width == width), 0)
        measured = -(-round(peak_bps * OVERHEAD) // _STEP_BPS) * _STEP_BPS
        self._peaks[width] = max(encoded, measured, self._peaks.get(width, 0))
        return ShownRung(published.video, published.audio is not None, self._peaks[width])

    def warnings(self) -> list[str]:
        """What its owner should know, in words."""
        found = [self._changed]
        if self._transcode:
            speed = self._transcode.speed
            if speed is not None and speed < SLOW:
                found.append(f"the ladder runs at {speed:.2f} of real time: this machine is too slow for its rungs")
            if self._transcode.starts > 1:
                found.append(f"the ladder was started {self._transcode.starts} times: {self._transcode.last_error}")
        return [warning for warning in found if warning]

    async def stop(self) -> None:
        """End ffmpeg, and leave what it made: an agent that starts again goes on with it."""
        self.widths = ()
        if self._transcode:
            await self._transcode.stop()
            self._transcode = None


class LoopbackPackager:
    """Shows streams by nginx-rtmp."""

    def __init__(self, source_url: Callable[[str], str], loopback: Loopback) -> None:
        self.expected: list[str] = []
        self._source_url = source_url
        self._loopback = loopback

    async def expect(self, name: str, client: int) -> None:
        """A ladder begins when its source is known."""

    def reader_came(self, name: str) -> None:
        """A ladder began to read."""

    def open(self, name: str, client: Client, meter: KeyframeMeter) -> LoopbackShow:
        """The show of a publish."""
        return LoopbackShow(name, self._source_url(name), self._loopback, meter)

    async def tidy(self, live: Collection[str], stat: Stat) -> None:
        """Playlists and segments of streams that ended go at once."""
        self._loopback.withdraw_others(set(live))
        self._loopback.clear_others(set(live), stat.of("show"))

    async def close(self) -> None:
        """Playlists stay, for an agent that starts again goes on with them."""
