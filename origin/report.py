"""`/live.json`: what is playable now, and what was refused lately and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from origin.live import LiveStream
from origin.refusals import Refusal
from origin.stat import Published
from panocast.ladder import Size
from panocast.projection import Projection, Stereo, guess_stereo
from panocast.settings import StreamSettings

_PLAIN = StreamSettings()


def live_report(
    role: str,
    live: Mapping[str, LiveStream],
    tests: Mapping[str, Published],
    expected: Iterable[str],
    refused: list[Refusal],
    settings: Mapping[str, StreamSettings],
    recordings: Sequence[str] = (),
) -> dict[str, Any]:
    """What `/live.json` says; urls are relative to the edge. `publishing` names every accepted stream, also before it
    is playable; `recordings` is what is wrong with all recordings, live streams or not."""
    playing = [
        {
            **_sphere(name, stream.size, settings),
            "url": f"/hls/{name}.m3u8",
            "since": iso(stream.since),
            "origin": role,
            "rungs": list(stream.widths),
            "shed": list(stream.shed),
            "warnings": [*stream.warnings(), *recordings],
        }
        for name, stream in sorted(live.items())
        if stream.playable
    ]
    testing = [
        {
            **_sphere(name, seen.video.size if seen.video else None, settings),
            "url": f"/testhls/{name}.m3u8",
            "since": iso(datetime.now(UTC) - timedelta(seconds=seen.age_s)),
            "origin": role,
            "rungs": [seen.video.size.width] if seen.video else [],
            "shed": [],
            "warnings": [],
        }
        for name, seen in sorted(tests.items())
    ]
    reasons = [{"name": r.name, "reason": r.reason, "since": iso(r.since)} for r in refused]
    publishing = sorted({*live, *expected})
    return {"live": playing + testing, "publishing": publishing, "refused": reasons, "warnings": list(recordings)}


def iso(moment: datetime) -> str:
    """A moment in ISO 8601 UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _sphere(name: str, size: Size | None, settings: Mapping[str, StreamSettings]) -> dict[str, Any]:
    told = settings.get(name, _PLAIN)
    projection, stereo = sphere_of(told, size)
    return {
        "name": name,
        "title": told.title or name,
        "projection": projection.value,
        "stereo": stereo.value,
        "orientation": asdict(told.orientation),
    }


def sphere_of(told: StreamSettings, size: Size | None) -> tuple[Projection, Stereo]:
    """How a stream's pictures lie on the sphere: as its settings say, else guessed from their shape."""
    stereo = told.stereo or (guess_stereo(size) if size and size.height else Stereo.MONO)
    return told.projection or Projection.EQUIRECTANGULAR, stereo
