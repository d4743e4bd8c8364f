"""What is live, as one list out of what the origins say."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class LiveStream(BaseModel):
    """One playable stream, as an origin's `/live.json` tells it; `rungs` are widths in pixels."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    url: str
    since: str
    origin: str
    projection: str = "equirectangular"
    stereo: str = "mono"
    rungs: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


class Refusal(BaseModel):
    """A publish that an origin refused, and why in words."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    reason: str
    since: str


class Live(BaseModel):
    """`/live.json`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    live: tuple[LiveStream, ...] = ()
    refused: tuple[Refusal, ...] = ()


def merge(origins: Sequence[Live]) -> Live:
    """One list of what the origins say, in their order of preference: a stream on several is told by the first."""
    streams: dict[str, LiveStream] = {}
    for origin in origins:
        for stream in origin.live:
            streams.setdefault(stream.url, stream)
    refused = sorted((r for origin in origins for r in origin.refused), key=lambda r: r.since, reverse=True)
    return Live(live=tuple(sorted(streams.values(), key=lambda s: s.name)), refused=tuple(refused))
