"""A checker of live HLS: every refresh of every playlist of a stream against RFC 8216, and against what it said before.

`LiveChecker(fetch, name)` with a `fetch` that gets a path below the server's root (status, body); call `refresh` as
often as a player would. What is wrong is in `problems`, in words, each once.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

Fetch = Callable[[str], Awaitable[tuple[int, bytes]]]

# Dates and durations are written in whole milliseconds.
ROUNDING_S = 0.0021
# A frame of RTMP has a time in whole milliseconds, and one more may get lost in rounding.
MEDIA_ROUNDING_S = 0.003


@dataclass(frozen=True)
class Listed:
    """One segment as a playlist lists it."""

    number: int
    uri: str
    duration_s: float
    date_s: float
    discontinuity: bool
    discontinuity_sequence: int
    init: str | None
    gap: bool


@dataclass(frozen=True)
class Playlist:
    """A media playlist as it was at one refresh."""

    target_duration_s: int
    segments: tuple[Listed, ...]
    ended: bool


@dataclass(frozen=True)
class Media:
    """A segment's first picture: when it is decoded and shown, when the next segment's has to be decoded (seconds)."""

    decoded_s: float
    shown_s: float
    end_s: float
    keyframe: bool


def parse(text: str) -> Playlist:
    """Read a media playlist strictly; a ValueError says what is missing."""
    lines = text.splitlines()
    if not lines or lines[0] != "#EXTM3U":
        raise ValueError("it does not begin with #EXTM3U")
    head = {m[1]: m[2] for line in lines if (m := re.fullmatch(r"#(EXT-X-[A-Z-]+):(.*)", line))}
    for tag in ("EXT-X-VERSION", "EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE"):
        if tag not in head:
            raise ValueError(f"it has no {tag}")
    if "#EXT-X-INDEPENDENT-SEGMENTS" not in lines:
        raise ValueError("it has no EXT-X-INDEPENDENT-SEGMENTS")
    return Playlist(
        int(head["EXT-X-TARGETDURATION"]), tuple(_segments(lines, head)), lines[-1].strip() == "#EXT-X-ENDLIST"
    )


def _segments(lines: list[str], head: dict[str, str]) -> Iterator[Listed]:
    number, seams = int(head["EXT-X-MEDIA-SEQUENCE"]), int(head.get("EXT-X-DISCONTINUITY-SEQUENCE", "0"))
    init: str | None = None
    duration, date, seam, gap = 0.0, None, False, False
    for line in lines:
        if match := re.fullmatch(r'#EXT-X-MAP:URI="([^"]+)"', line):
            init = match[1]
        elif match := re.fullmatch(r"#EXTINF:([0-9.]+),.*", line):
            duration = float(match[1])
        elif match := re.fullmatch(r"#EXT-X-PROGRAM-DATE-TIME:(.+)", line):
            date = datetime.fromisoformat(match[1]).timestamp()
        elif line == "#EXT-X-DISCONTINUITY":
            seam, seams = True, seams + 1
        elif line == "#EXT-X-GAP":
            gap = True
        elif line and not line.startswith("#"):
            if date is None:
                raise ValueError(f"{line} has no date")
            yield Listed(number, line, duration, date, seam, seams, init, gap)
            number, date, seam, gap = number + 1, None, False, False


@dataclass
class Variant:
    """What is known of one media playlist so far."""

    uri: str
    target_duration_s: int | None = None
    first: int = -1
    last: int = -1
    ended: bool = False
    known: dict[int, Listed] = field(default_factory=dict)
    media: dict[int, Media] = field(default_factory=dict)


@dataclass
class LiveChecker:
    """Checks one stream from refresh to refresh. GOPs of a `steady` source are of one length."""

    fetch: Fetch
    name: str
    steady: bool = False
    problems: list[str] = field(default_factory=list)
    variants: dict[str, Variant] = field(default_factory=dict)
    refreshes: int = 0
    _inits: dict[str, bytes] = field(default_factory=dict)

    async def refresh(self) -> None:
        """Fetch and check the multivariant playlist, every media playlist, and every segment that is new."""
        self.refreshes += 1
        status, body = await self.fetch(f"/hls/{self.name}.m3u8")
        if status != 200:
            return self._wrong(f"{self.name}.m3u8 answers {status}")
        uris = [line for line in body.decode().splitlines() if line and not line.startswith("#")]
        if not uris or len(set(uris)) != len(uris):
            self._wrong(f"the multivariant playlist lists {uris}")
        for uri in uris:
            await self._refresh(self.variants.setdefault(uri, Variant(uri)))
        self._agree([self.variants[uri] for uri in uris])

    @property
    def seen(self) -> dict[str, int]:
        """How many segments of each variant were checked."""
        return {uri: len(variant.media) for uri, variant in self.variants.items()}

    @property
    def discontinuities(self) -> int:
        """How many seams were seen, in the variant that saw most."""
        return max((sum(s.discontinuity for s in v.known.values()) for v in self.variants.values()), default=0)

    async def _refresh(self, variant: Variant) -> None:
        status, body = await self.fetch(f"/hls/{variant.uri}")
        if status != 200:
            return self._wrong(f"{variant.uri} answers {status}")
        try:
            playlist = parse(body.decode())
        except ValueError as error:
            return self._wrong(f"{variant.uri}: {error}")
        self._check_text(variant, playlist)
        for segment in playlist.segments:
            await self._check_segment(variant, segment)
        for before, after in pairwise(playlist.segments):
            self._check_pair(variant, before, after)

    def _check_text(self, variant: Variant, playlist: Playlist) -> None:
        uri, segments = variant.uri, playlist.segments
        if not segments:
            return self._wrong(f"{uri} lists nothing")
        # RFC 8216 wants it never to change; a source whose GOPs grow leaves only the choice which rule to break, and
        # players read a larger one anew.
        before_s, now_s = variant.target_duration_s or playlist.target_duration_s, playlist.target_duration_s
        if now_s < before_s or (self.steady and now_s != before_s):
            self._wrong(f"{uri}: the target duration was {before_s}, and is {now_s}")
        variant.target_duration_s = playlist.target_duration_s
        for s in segments:
            if int(s.duration_s + 0.5) > playlist.target_duration_s:
                self._wrong(f"{uri}: segment {s.number} lasts {s.duration_s} s, over the target duration")
            if (before := variant.known.setdefault(s.number, s)) != s:
                self._wrong(f"{uri}: segment {s.number} was {before}, and is {s}")
        if segments[0].number < variant.first:
            self._wrong(f"{uri}: the media sequence went back from {variant.first} to {segments[0].number}")
        if segments[-1].number < variant.last:
            self._wrong(f"{uri}: the newest segment went back from {variant.last} to {segments[-1].number}")
        if variant.ended and (segments[-1].number != variant.last or not playlist.ended):
            self._wrong(f"{uri}: it goes on behind its end")
        variant.first, variant.last, variant.ended = segments[0].number, segments[-1].number, playlist.ended

    def _check_pair(self, variant: Variant, before: Listed, after: Listed) -> None:
        where = f"{variant.uri}: between {before.number} and {after.number}"
        if after.uri == before.uri:
            self._wrong(f"{where} the same file is listed twice")
        step_s = after.date_s - before.date_s
        if after.discontinuity:
            if step_s < 0:
                self._wrong(f"{where} dates go back by {-step_s:.3f} s")
            return
        if abs(step_s - before.duration_s) > ROUNDING_S:
            self._wrong(f"{where} dates differ by {step_s:.3f} s, the duration is {before.duration_s:.3f} s")
        earlier, later = variant.media.get(before.number), variant.media.get(after.number)
        if earlier and later and abs(later.decoded_s - earlier.end_s) > MEDIA_ROUNDING_S:
            self._wrong(f"{where} media times jump from {earlier.end_s:.3f} to {later.decoded_s:.3f} s")
        if earlier and later and abs(later.shown_s - earlier.shown_s - step_s) > MEDIA_ROUNDING_S:
            self._wrong(f"{where} pictures are {later.shown_s - earlier.shown_s:.3f} s apart, dates {step_s:.3f} s")

    async def _check_segment(self, variant: Variant, segment: Listed) -> None:
        if segment.gap or segment.number in variant.media:
            return
        folder = f"/hls/{variant.uri.rpartition('/')[0]}/"
        where = f"{variant.uri}: {segment.uri}"
        status, body = await self.fetch(folder + segment.uri)
        if status != 200:
            return self._wrong(f"{where} answers {status}")
        if segment.init is None:
            return self._wrong(f"{where} has no EXT-X-MAP")
        if (init := folder + segment.init) not in self._inits:
            status, self._inits[init] = await self.fetch(init)
            if status != 200:
                self._wrong(f"{where}: its init segment answers {status}")
        try:
            media = read_media(self._inits[init], body)
        except (ValueError, struct.error, IndexError) as error:
            return self._wrong(f"{where} cannot be read: {error}")
        if not media.keyframe:
            self._wrong(f"{where} does not begin with a keyframe")
        if abs(media.end_s - media.decoded_s - segment.duration_s) > MEDIA_ROUNDING_S:
            self._wrong(f"{where} lasts {media.end_s - media.decoded_s:.3f} s, listed with {segment.duration_s:.3f} s")
        variant.media[segment.number] = media

    def _agree(self, variants: list[Variant]) -> None:
        """The same number is the same stretch of time in every rung."""
        for one, other in pairwise(variants):
            for number in one.known.keys() & other.known.keys():
                a, b = one.known[number], other.known[number]
                if (a.uri, a.date_s, a.duration_s, a.discontinuity_sequence) != (
                    b.uri, b.date_s, b.duration_s, b.discontinuity_sequence,
                ):  # fmt: skip
                    self._wrong(f"{one.uri} and {other.uri} disagree about segment {number}: {a}, {b}")
                here, there = one.media.get(number), other.media.get(number)
                if here and there and abs(here.shown_s - there.shown_s) > MEDIA_ROUNDING_S:
                    self._wrong(f"{one.uri} and {other.uri} show segment {number} at {here.shown_s}, {there.shown_s} s")

    def _wrong(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


# ---- MP4, read without the code that wrote it


def read_media(init: bytes, segment: bytes) -> Media:
    """What a segment's video says of its times, with the timescale of its init segment; a ValueError for what does
    not fit."""
    scales = dict(_timescales(init))
    pieces = list(_boxes(segment))
    if [kind for kind, _ in pieces] != [b"moof", b"mdat"]:
        raise ValueError(f"it holds {[kind for kind, _ in pieces]}")
    moof, mdat = pieces[0][1], pieces[1][1]
    runs = {track: run for track, run in map(_run, (t for kind, t in _boxes(moof) if kind == b"traf"))}
    if not runs.keys() <= scales.keys():
        raise ValueError(f"tracks {sorted(runs)}, its init segment has {sorted(scales)}")
    if sum(row[1] for _, rows in runs.values() for row in rows) != len(mdat):
        raise ValueError("its samples do not fill its mdat")
    track = min(runs)
    (kind, scale), (time, rows) = scales[track], runs[track]
    if kind != b"vide":
        raise ValueError("its first track is no video")
    shown, at = [], time
    for duration, _, _, offset in rows:
        shown.append(at + offset)
        at += duration
    return Media(time / scale, min(shown) / scale, at / scale, not rows[0][2] & 0x10000)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if not 8 <= size <= len(data) - at:
            raise ValueError(f"a box {kind!r} of {size} bytes")
        yield kind, data[at + 8 : at + size]
        at += size


def _inside(data: bytes, *path: bytes) -> bytes:
    for kind in path:
        data = next((inner for found, inner in _boxes(data) if found == kind), b"")
    return data


def _timescales(init: bytes) -> Iterator[tuple[int, tuple[bytes, int]]]:
    for kind, trak in _boxes(_inside(init, b"moov")):
        if kind == b"trak":
            (track,) = struct.unpack_from(">I", _inside(trak, b"tkhd"), 12)
            (scale,) = struct.unpack_from(">I", _inside(trak, b"mdia", b"mdhd"), 12)
            yield track, (_inside(trak, b"mdia", b"hdlr")[8:12], scale)


def _run(traf: bytes) -> tuple[int, tuple[int, list[tuple[int, int, int, int]]]]:
    (track,) = struct.unpack_from(">I", _inside(traf, b"tfhd"), 4)
    (time,) = struct.unpack_from(">Q", _inside(traf, b"tfdt"), 4)
    trun = _inside(traf, b"trun")
    (count,) = struct.unpack_from(">I", trun, 4)
    return track, (time, [struct.unpack_from(">IIIi", trun, 12 + 16 * n) for n in range(count)])
