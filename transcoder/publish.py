"""What an asset consists of, as a pure function of the markers: playlists, copies, description."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from panocast.projection import UPRIGHT, Orientation, Projection, Stereo
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
    media the asset shows, `partner` the one that completed it."""

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
    orientation: Orientation = UPRIGHT
    poster: str | None
    thumbnails: str | None = None
    source: SourceInfo
    frames: int
    partner: str | None = None
    missing: tuple[MissingPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the asset: where it stands on the clock, its renditions by width, and where they are stored; its
    media say that they are `later_s` earlier."""

    label: str
    span: Span
    rungs: Mapping[int, RungRendition]
    prefix: str
    later_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Move:
    """A segment to be copied to another place on the media's clock, and its init segment."""

    init: str
    source: str
    target: str
    later_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All that makes an asset: objects to copy (source, target), segments to move, texts to write, the multivariant
    playlist."""

    asset: Asset
    copies: tuple[tuple[str, str], ...]
    moves: tuple[Move, ...]
    texts: Mapping[str, str]
    master: str


def pieces(
    session: Session, parts: Mapping[int, PartMarker], whole: WholeMarker | None = None, edition: str = ""
) -> list[Piece]:
    """The good parts and the fillers between them, in order."""
    found: list[Piece] = []
    later_s = whole.later_s if whole else {}
    fillers = sorted(whole.fillers if whole else (), key=lambda filler: (filler.before, filler.start_s))
    for number in sorted({*parts, *(filler.before for filler in fillers)}):
        here = [filler for filler in fillers if filler.before == number]
        for index, filler in enumerate(here):
            assert whole is not None
            # Those of another edition are others.
            label = f"{edition}-before-{number:04d}" + (f"-{index}" if len(here) > 1 else "")
            prefix = whole_attempt_prefix(session, whole.attempt)
            found.append(Piece(label, Span(filler.start_s, filler.end_s), {r.width: r for r in filler.rungs}, prefix))
        marker = parts.get(number)
        if marker is None or marker.failed is not None:
            continue
        by_s = later_s.get(number, 0.0)
        span = Span(marker.start_s + by_s, marker.end_s + by_s)
        prefix = part_attempt_prefix(session, number, marker.attempt)
        label = f"{edition}-{number:04d}" if by_s else f"{number:04d}"
        found.append(Piece(label, span, {r.width: r for r in marker.rungs}, prefix, by_s))
    return found


def on_one_clock(parts: Mapping[int, PartMarker]) -> dict[int, PartMarker]:
    """The parts, as failed those that reach into the next one: a timestamp in them is wrong, and what follows would go
    back in time."""
    found = dict(sorted(parts.items()))
    while True:
        good = [(number, part) for number, part in found.items() if part.failed is None]
        stray = next(
            (n for (n, part), (_, after) in pairwise(good) if part.end_s > after.start_s + SMALLEST_HOLE_S), None
        )
        if stray is None:
            return found
        found[stray] = found[stray].model_copy(update={"failed": "its clock reaches into the next part"})


def common_widths(found: Sequence[Piece]) -> list[int]:
    """The rungs that every piece has, largest first; RefusedError when there is none."""
    widths = set(found[0].rungs) if found else set()
    for piece in found:
        widths &= set(piece.rungs)
    if not widths:
        raise RefusedError("its parts have no rung in common: the picture's size changed too much in the middle")
    return sorted(widths, reverse=True)


def edition_of(parts: int, partner_parts: int = 0) -> str:
    """The name of an edition of an asset: a recording that goes on after it was published, or is completed by a
    partner's, gets another, a later one. Media are shared; whatever speaks of the whole is in files of its
    own, so that viewers keep what they have."""
    return f"{parts:04d}-{partner_parts:04d}" if partner_parts else f"{parts:04d}"


def is_later(edition: str, than: str) -> bool:
    """Whether an edition replaces another one; as text, the 10000th part would come before the 9999th."""
    one, other = ([int(parts) for parts in each.split("-")] for each in (edition, than))
    return one > other


def plan_asset(
    session: Session,
    recording: Session,
    edition: str,
    end: EndMarker,
    parts: Mapping[int, PartMarker],
    whole: WholeMarker,
    published: datetime,
    partner: Session | None = None,
) -> Plan:
    """The asset at `session` (an event's earliest) that shows what `recording` recorded, completed by `partner`."""
    found = pieces(recording, parts, whole, edition)
    widths = common_widths(found)
    base = f"{session.vod_prefix}{recording.id}/"
    own = f"{recording.id}/{edition}/"
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
        uri = f"{recording.id}/{width}/{edition}.m3u8"
        variants.append(Variant(uri, bandwidth, rung.picture, codecs, _usual_rate(good), average_bandwidth))
        rungs.append(
            AssetRung(width=width, height=rung.height, bandwidth_bps=bandwidth, average_bandwidth_bps=average_bandwidth)
        )
    texts = {f"{folder}{edition}.m3u8": vod_playlist(joined.segments) for folder, joined in renditions.items()}
    if sound:
        renditions[f"{session.vod_prefix}{own}audio/"] = sound
        texts[f"{session.vod_prefix}{own}audio/index.m3u8"] = vod_playlist(sound.segments)
    audio = AudioRendition(f"{own}audio/index.m3u8", whole.channels) if sound else None
    copies = [(source, folder + name) for folder, joined in renditions.items() for source, name in joined.copies]
    moves = [replace(m, target=folder + m.target) for folder, joined in renditions.items() for m in joined.moves]
    made = [*(["poster.jpg"] if whole.poster else []), *whole.thumbnails]
    prefix = whole_attempt_prefix(recording, whole.attempt)
    copies += [(prefix + name, f"{session.vod_prefix}{own}{name}") for name in made]
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
        orientation=end.orientation,
        poster=f"{own}poster.jpg" if whole.poster else None,
        thumbnails=f"{own}{whole.thumbnails[0]}" if whole.thumbnails else None,
        source=end.source,
        frames=sum(p.frames for p in good) + sum(f.frames for f in whole.fillers),
        partner=partner.id if partner else None,
        missing=tuple(MissingPart(part=n, reason=p.failed) for n, p in sorted(parts.items()) if p.failed is not None),
    )
    texts[f"{session.vod_prefix}{own}asset.json"] = asset.model_dump_json(indent=1)
    return Plan(asset, tuple(copies), tuple(moves), texts, multivariant_playlist(variants, audio))


@dataclass(frozen=True, slots=True)
class _Joined:
    """One rendition over all pieces: segments, their sizes in bytes, objects to copy (source, name) and to move."""

    segments: list[Segment]
    sizes: list[int]
    copies: list[tuple[str, str]]
    moves: list[Move] = field(default_factory=list)

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
            if piece.later_s:
                joined.moves.append(Move(folder + "init.mp4", folder + segment.name, uri, piece.later_s))
            else:
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
    [(rate, _)] = Counter(p.frame_rate for p in parts).most_common(1)
    return rate
