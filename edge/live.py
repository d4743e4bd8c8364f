"""What is live, as one list out of what the origins say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field


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
    """`/live.json`, and of origins the names that are `publishing`, with or without a segment yet."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    live: tuple[LiveStream, ...] = ()
    refused: tuple[Refusal, ...] = ()
    publishing: frozenset[str] = Field(default=frozenset(), exclude=True)


def merge(origins: Sequence[Live]) -> Live:
    """One list of what the origins say, in their order of preference: a stream on several is told by the first."""
    streams: dict[str, LiveStream] = {}
    for origin in origins:
        for stream in origin.live:
            streams.setdefault(stream.url, stream)
    refused = sorted((r for origin in origins for r in origin.refused), key=lambda r: r.since, reverse=True)
    publishing = {name for origin in origins for name in origin.publishing}
    publishing |= {stream.name for stream in streams.values() if stream.url.startswith("/hls/")}
    return Live(
        live=tuple(sorted(streams.values(), key=lambda s: s.name)),
        refused=tuple(refused),
        publishing=frozenset(publishing),
    )


def with_choices(live: Live, choices: Mapping[str, tuple[str, str]]) -> Live:
    """The list as viewers are told: the streams of `choices`, which this edge mirrors, with the origin that serves them
    and why it is that one."""
    told = []
    for stream in live.live:
        if stream.url.startswith("/hls/") and stream.name in choices:
            origin, why = choices[stream.name]
            stream = stream.model_copy(update={"origin": origin, "mirrored": True, "why": why})
        told.append(stream)
    return Live(live=tuple(told), refused=live.refused, publishing=live.publishing)
