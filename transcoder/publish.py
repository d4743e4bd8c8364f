"""What an asset consists of, as a pure function of the markers: playlists, copies, description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from panocast.errors import RefusedError
from panocast.hls import (
    AAC_LC,
    AudioRendition,
    Segment,
    Variant,
    bit_rates,
    multivariant_playlist,
    vod_playlist,
)
from panocast.layout import Session
from panocast.projection import Projection, Stereo
from panocast.recording import EndMarker, SourceInfo
from transcoder.encode import Span
from transcoder.markers import (
    PartMarker,
    Rendition,
    RungRendition,
    WholeMarker,
    part_attempt_prefix,
    whole_attempt_prefix,
)

# A hole on the clock between two parts that is filled with black: longer than an encoder's jitter, which players step
# over.
SMALLEST_HOLE_S = 0.5


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class AssetRung(_Told):
    """A rung of a published asset."""

    width: int
    height: int
    bandwidth_bps: int
    average_bandwidth_bps: int


class MissingPart(_Told):
    """A part that could not be transcoded, and why."""

    part: int
    reason: str


class Asset(_Told):
    """`asset.json`: what a player, a library page and a later worker need to know. `recording` is the session whose
    media the asset shows."""

    id: str
    name: str
    session: str
    recording: str
    title: str
    duration_s: float
    started: datetime
    published: datetime
    rungs: tuple[AssetRung, ...]
    audio_channels: int
    projection: Projection
    stereo: Stereo
    poster: str | None
    source: SourceInfo
    frames: int
    missing: tuple[MissingPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the asset: where it stands on the clock, its renditions by width, and where they are stored."""

    label: str
    span: Span
    rungs: Mapping[int, RungRendition]
    prefix: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All that makes an asset: objects to copy (source, target), texts to write, the multivariant playlist."""

    asset: Asset
    copies: tuple[tuple[str, str], ...]
    texts: Mapping[str, str]
    master: str


def pieces(session: Session, parts: Mapping[int, PartMarker], whole: WholeMarker | None) -> list[Piece]:
    """The good parts and the fillers between them, in order."""
    found: list[Piece] = []
    fillers = {f.before: f for f in whole.fillers} if whole else {}
    for number, marker in sorted(parts.items()):
        if marker.failed is not None:
            continue
        if whole and (filler := fillers.get(number)):
            span = Span(filler.start_s, filler.end_s)
            prefix = whole_attempt_prefix(session, whole.attempt)
            found.append(Piece(f"before-{number:04d}", span, {r.width: r for r in filler.rungs}, prefix))
        prefix = part_attempt_prefix(session, number, marker.attempt)
        rungs = {r.width: r for r in marker.rungs}
        found.append(Piece(f"{number:04d}", Span(marker.start_s, marker.end_s), rungs, prefix))
    return found


def common_widths(found: Sequence[Piece]) -> list[int]:
    """The rungs that every piece has, largest first; RefusedError when there is none."""
    widths = set(found[0].rungs) if found else set()
    for piece in found:
        widths &= set(piece.rungs)
    if not widths:
        raise RefusedError("its parts have no rung in common: the picture's size changed too much in the middle")
    return sorted(widths, reverse=True)


def plan_asset(
    session: Session,
    recording: Session,
    end: EndMarker,
    parts: Mapping[int, PartMarker],
    whole: WholeMarker,
    published: datetime,
) -> Plan:
    """The asset at `session` (an event's earliest) that shows what `recording` recorded."""
    found = pieces(recording, parts, whole)
    widths = common_widths(found)
    base = f"{session.vod_prefix}{recording.id}/"
    renditions = {f"{base}{width}/": _join(found, width) for width in widths}
    sound = _sound(recording, whole, _breaks(next(iter(renditions.values()))))
    sound_peak, sound_average = sound.rates if sound else (0, 0)
    good = [part for part in parts.values() if part.failed is None]
    variants, rungs = [], []
    for width, joined in zip(widths, renditions.values(), strict=True):
        peak, average = joined.rates
        rung = found[0].rungs[width]
        bandwidth, average_bandwidth = peak + sound_peak, average + sound_average
        codecs = f"{rung.codecs},{AAC_LC}" if sound else rung.codecs
        uri = f"{recording.id}/{width}/index.m3u8"
        variants.append(Variant(uri, bandwidth, rung.picture, codecs, _usual_rate(good), average_bandwidth))
        rungs.append(
            AssetRung(width=width, height=rung.height, bandwidth_bps=bandwidth, average_bandwidth_bps=average_bandwidth)
        )
    if sound:
        renditions[f"{base}audio/"] = sound
    audio = AudioRendition(f"{recording.id}/audio/index.m3u8", whole.channels) if sound else None
    copies = [(source, folder + name) for folder, joined in renditions.items() for source, name in joined.copies]
    texts = {f"{folder}index.m3u8": vod_playlist(joined.segments) for folder, joined in renditions.items()}
    if whole.poster:
        copies.append((whole_attempt_prefix(recording, whole.attempt) + "poster.jpg", f"{base}poster.jpg"))
    asset = Asset(
        id=session.path,
        name=session.name,
        session=session.id,
        recording=recording.id,
        title=end.title or session.name,
        duration_s=round(found[-1].span.end_s - found[0].span.start_s, 3),
        started=end.started,
        published=published.astimezone(UTC).replace(microsecond=0),
        rungs=tuple(rungs),
        audio_channels=whole.channels if whole.audio else 0,
        projection=end.projection,
        stereo=end.stereo,
        poster=f"{recording.id}/poster.jpg" if whole.poster else None,
        source=end.source,
        frames=sum(p.frames for p in good),
        missing=tuple(MissingPart(part=n, reason=p.failed) for n, p in sorted(parts.items()) if p.failed is not None),
    )
    texts[f"{base}asset.json"] = asset.model_dump_json(indent=1)
    return Plan(asset, tuple(copies), texts, multivariant_playlist(variants, audio))


@dataclass(frozen=True, slots=True)
class _Joined:
    """One rendition over all pieces: segments, their sizes in bytes, objects to copy (source, name)."""

    segments: list[Segment]
    sizes: list[int]
    copies: list[tuple[str, str]]

    @property
    def rates(self) -> tuple[int, int]:
        return bit_rates(self.segments, self.sizes)


def _join(found: Sequence[Piece], width: int) -> _Joined:
    joined = _Joined([], [], [])
    inits: dict[str, str] = {}
    nexts: list[Piece | None] = [following for _, following in pairwise(found)]
    for piece, following in zip(found, [*nexts, None], strict=True):
        rendition = piece.rungs[width]
        folder = f"{piece.prefix}{rendition.folder}/"
        if rendition.init_digest not in inits:
            inits[rendition.init_digest] = f"init-{rendition.init_digest}.mp4"
            joined.copies.append((folder + "init.mp4", inits[rendition.init_digest]))
        map_uri = inits[rendition.init_digest]
        # Other settings of the encoder (the picture's height changed): a decoder must be told to start anew.
        anew = bool(joined.segments) and joined.segments[-1].map_uri != map_uri
        for index, segment in enumerate(rendition.segments):
            duration_s = segment.duration_s
            if index == len(rendition.segments) - 1 and following:
                duration_s = _until(following, piece, rendition)
            uri = f"{piece.label}-{segment.name}"
            joined.segments.append(Segment(uri, duration_s, map_uri, discontinuity=anew and index == 0))
            joined.sizes.append(segment.size)
            joined.copies.append((folder + segment.name, uri))
    return joined


def _until(following: Piece, piece: Piece, rendition: Rendition) -> float:
    """How long a piece's last segment lasts: until where the next piece stands on the clock, which the part itself
    cannot know; by its own account where that is a hole."""
    *others, last = rendition.segments
    duration_s = following.span.start_s - piece.span.start_s - sum(segment.duration_s for segment in others)
    return duration_s if 0 < duration_s < last.duration_s + SMALLEST_HOLE_S else last.duration_s


def _breaks(joined: _Joined) -> list[float]:
    """When, in seconds from the start, the pictures are discontinuous."""
    at_s, found = 0.0, []
    for segment in joined.segments:
        if segment.discontinuity:
            found.append(at_s)
        at_s += segment.duration_s
    return found


def _sound(recording: Session, whole: WholeMarker, breaks: list[float]) -> _Joined | None:
    """The audio rendition; it has as many discontinuities as the pictures, because players count them."""
    if whole.audio is None:
        return None
    source = f"{whole_attempt_prefix(recording, whole.attempt)}{whole.audio.folder}/"
    init = f"init-{whole.audio.init_digest}.mp4"
    joined = _Joined([], [], [(source + "init.mp4", init)])
    at_s, left = 0.0, list(breaks)
    for segment in whole.audio.segments:
        anew = bool(left) and at_s >= left[0] - segment.duration_s / 2
        if anew:
            left.pop(0)
        joined.segments.append(Segment(segment.name, segment.duration_s, init, discontinuity=anew))
        joined.sizes.append(segment.size)
        joined.copies.append((source + segment.name, segment.name))
        at_s += segment.duration_s
    return joined


def _usual_rate(parts: Sequence[PartMarker]) -> Fraction:
    """The frame rate of most parts: the last one may be too short to tell."""
    rates = [p.frame_rate for p in parts]
    return max(rates, key=rates.count)
