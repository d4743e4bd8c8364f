"""What viewers' players tell of themselves: small anonymous reports, checked, put into figures and a bounded log.

A report has no name, no address and no number that another one has, too. Anybody can send one with anything in it, so
it is never trusted: what is not exactly of this form is refused, and no label of a metric comes out of it.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from panocast.body import read_at_most
from panocast.layout import SESSION_ID, STREAM_NAME, inner

log = logging.getLogger(__name__)

LARGEST = 2048
LOG_BYTES = 8 << 20
# Directions are counted in cells of ten degrees: from left to right, from above to below.
COLUMNS, ROWS = 36, 18

Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
Trouble = Literal["codec", "broken", "unsupported", "network", "notStream", "other"]
Cell = tuple[
    Annotated[int, Field(ge=0, lt=COLUMNS)], Annotated[int, Field(ge=0, lt=ROWS)], Annotated[int, Field(ge=1, le=600)]
]

_STARTUP_S = (0.25, 0.5, 1, 1.5, 2, 3, 5, 8, 13, 30)
_DELAY_S = (1, 2, 3, 4, 5, 6, 8, 10, 15, 30, 60)


class Beacon(BaseModel):
    """A report of the last minute or less. `stream` is NAME or, of an asset, NAME/SESSION; `startup_s` from opening the
    page to the first picture, told once; `views` counts seconds by column and row of the direction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["live", "vod"]
    stream: Annotated[str, Field(pattern=rf"^{STREAM_NAME.pattern}(/{inner(SESSION_ID)})?$")]
    startup_s: Seconds | None = None
    played_s: Seconds = 0.0
    stalled_s: Seconds = 0.0
    stalls: Annotated[int, Field(ge=0, le=1000)] = 0
    bitrate_bps: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None = None
    delay_s: Seconds | None = None
    errors: Annotated[tuple[Trouble, ...], Field(max_length=10)] = ()
    views: Annotated[tuple[Cell, ...], Field(max_length=120)] = ()


class Kept(Beacon):
    """A report as the log keeps it, with the minute in which it came (ISO 8601, UTC)."""

    at: str


class ViewerMetrics:
    """The figures that come of the reports, live and on demand apart."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *more: str) -> Counter:
            return Counter(f"panocast_viewer_{name}", text, ["kind", *more], registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"panocast_viewer_{name}", text, ["kind"], buckets=buckets, registry=registry)

        self._startup = histogram("startup_seconds", "From opening the page to the first picture", _STARTUP_S)
        self._delay = histogram("delay_seconds", "Behind the newest picture, a mean for each report", _DELAY_S)
        self._played = counter("played_seconds", "Seconds that played")
        self._stalled = counter("stalled_seconds", "Seconds that viewers waited while it should have played")
        self._stalls = counter("stalls", "Times that it stopped though it should have played")
        self._bits = counter("played_bits", "Bits of what played, by the rates that the playlist names")
        self._errors = counter("errors", "Times that a player gave up", "reason")

    def take(self, told: Beacon) -> None:
        """Add one report."""
        if told.startup_s is not None:
            self._startup.labels(told.kind).observe(told.startup_s)
        if told.delay_s is not None:
            self._delay.labels(told.kind).observe(told.delay_s)
        self._played.labels(told.kind).inc(told.played_s)
        self._stalled.labels(told.kind).inc(told.stalled_s)
        self._stalls.labels(told.kind).inc(told.stalls)
        self._bits.labels(told.kind).inc(told.played_s * (told.bitrate_bps or 0))
        for reason in told.errors:
            self._errors.labels(told.kind, reason).inc()


class BeaconLog:
    """Reports as JSON lines, each with the minute in which it came; two files of some megabytes at most."""

    def __init__(self, path: Path, most_bytes: int = LOG_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes

    def append(self, told: Beacon, now: datetime) -> None:
        """Write one report; blocks."""
        kept = Kept(at=f"{now.astimezone(UTC):%Y-%m-%dT%H:%MZ}", **told.model_dump())
        with self._path.open("a") as file:
            file.write(kept.model_dump_json(exclude_defaults=True) + "\n")
            size = file.tell()
        if size > self._most_bytes:
            self._path.replace(older(self._path))


def older(path: Path) -> Path:
    """Where the reports went that came before those of the log at `path`."""
    return path.with_suffix(".old.jsonl")


class Beacons:
    """The handler of `POST /beacon`."""

    def __init__(self, metrics: ViewerMetrics, kept: BeaconLog, *, directions: bool) -> None:
        self._metrics = metrics
        self._kept = kept
        self._directions = directions
        self._writing = asyncio.Lock()

    async def take(self, request: web.Request) -> web.Response:
        """204, or 400 for what is no report, 413 for what is too large for one."""
        body = await read_at_most(request.content, LARGEST)
        if body is None:
            return web.Response(status=413)
        try:
            told = Beacon.model_validate_json(body)
        except ValidationError:
            return web.Response(status=400)
        if not self._directions:
            told = told.model_copy(update={"views": ()})
        self._metrics.take(told)
        try:
            async with self._writing:
                await asyncio.to_thread(self._kept.append, told, datetime.now(UTC))
        except OSError as error:
            log.warning("a viewer's report is not kept: %s", error)
        return web.Response(status=204)
