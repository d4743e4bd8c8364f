"""What is made from a session as a whole once every part is there: its sound, poster and thumbnails, and black where
pictures miss."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from panocast.errors import NotFoundError, RefusedError
from panocast.ladder import VOD_TIERS, Rung
from panocast.layout import Session
from panocast.threads import in_thread
from transcoder.encode import (
    POSTER_WIDTH,
    Span,
    filler_argv,
    poster_argv,
)
from transcoder.markers import (
    Filler,
    PartMarker,
    Rendition,
    RungRendition,
    WholeMarker,
    whole_attempt_prefix,
    whole_marker_key,
)
from transcoder.part import files_of, read_rungs
from transcoder.patch import Completion, make_patches
from transcoder.publish import SMALLEST_HOLE_S, Piece, common_widths, pieces
from transcoder.thumbnails import make_thumbnails
from transcoder.whole_sound import make_sound
from transcoder.workplace import Workplace

log = logging.getLogger(__name__)

# A hole on the clock so long that only a broken clock explains it.
LARGEST_HOLE_S = 900.0
POSTER_AFTER_S = 3.0


async def read_whole_marker(place: Workplace, session: Session, edition: str) -> WholeMarker | None:
    """The marker of the whole, or None while there is none."""
    try:
        data, _ = await in_thread(place.egress.get_bytes, whole_marker_key(session, edition))
    except NotFoundError:
        return None
    return WholeMarker.model_validate_json(data)


async def make_whole(
    place: Workplace,
    session: Session,
    edition: str,
    parts: Mapping[int, PartMarker],
    completion: Completion | None = None,
) -> WholeMarker:
    """Make what belongs to the whole and commit it; gives the marker that won, ours or another's."""
    if there := await read_whole_marker(place, session, edition):
        return there
    good = {number: part for number, part in parts.items() if part.failed is None}
    attempt = uuid.uuid4().hex[:12]
    prefix = whole_attempt_prefix(session, attempt)
    try:
        async with place.folder("whole") as folder:
            marker = await _make(place, session, good, attempt, folder, completion)
            await place.store_files(folder, _files(marker), prefix)
    except BaseException:
        await asyncio.shield(in_thread(place.egress.delete_prefix, prefix))
        raise
    data = marker.model_dump_json().encode()
    await in_thread(partial(place.egress.put_bytes, whole_marker_key(session, edition), data, if_absent=True))
    winner = await read_whole_marker(place, session, edition)
    if winner is not None and winner.attempt != attempt:
        await in_thread(place.egress.delete_prefix, prefix)
    if winner is None:
        raise NotFoundError(f"{session.path} was finished meanwhile")
    return winner


async def _make(
    place: Workplace,
    session: Session,
    good: Mapping[int, PartMarker],
    attempt: str,
    folder: Path,
    completion: Completion | None,
) -> WholeMarker:
    widths = common_widths(pieces(session, good))
    later_s = (completion.score.later_s if completion else None) or {}
    moved = {number: part.later(later_s.get(number, 0.0)) for number, part in good.items()}
    usual = next(iter(good.values()))
    patches = []
    if completion:
        patches = await make_patches(place, completion, _as_plan(usual.rungs, widths), usual.frame_rate, folder)
    fillers = [patch.filler for patch in patches]
    fillers += await _fillers(place, moved, fillers, widths, folder)
    spans = [Span(part.start_s, part.end_s) for part in moved.values()]
    spans += [Span(filler.start_s, filler.end_s) for filler in fillers]
    span = Span(min(span.start_s for span in spans), max(span.end_s for span in spans))
    sounds = [(patch.audio, patch.sound) for patch in patches if patch.sound]
    audio, channels = await make_sound(place, session, moved, sounds, span, folder)
    found = pieces(session, moved)
    return WholeMarker(
        attempt=attempt,
        audio=audio,
        channels=channels,
        poster=await _poster(place, found, widths, folder),
        thumbnails=await make_thumbnails(place, found, widths[-1], folder, span),
        fillers=tuple(sorted(fillers, key=lambda filler: (filler.before, filler.start_s))),
        later_s={number: by_s for number, by_s in later_s.items() if by_s},
    )


def _files(marker: WholeMarker) -> list[str]:
    renditions: list[Rendition] = [marker.audio] if marker.audio else []
    renditions += [rung for filler in marker.fillers for rung in filler.rungs]
    return [*files_of(renditions), *(["poster.jpg"] if marker.poster else []), *marker.thumbnails]


async def _poster(place: Workplace, found: Sequence[Piece], widths: Sequence[int], folder: Path) -> bool:
    """A picture from a bit into the recording, out of a segment that is encoded already."""
    width = next((w for w in widths if w <= 1920), widths[-1])
    at_s = min(POSTER_AFTER_S, (found[-1].span.end_s - found[0].span.start_s) / 3)
    piece = next((p for p in found if p.span.end_s - found[0].span.start_s > at_s), found[0])
    rung = piece.rungs[width]
    start_s, name = piece.span.start_s - found[0].span.start_s, rung.segments[0].name
    for segment in rung.segments:
        if start_s <= at_s:
            name = segment.name
        start_s += segment.duration_s
    data = b""
    for file in ("init.mp4", name):
        data += (await in_thread(place.egress.get_bytes, f"{piece.prefix}{rung.folder}/{file}"))[0]
    (folder / "poster.mp4").write_bytes(data)
    size = rung.picture.scaled_to(min(POSTER_WIDTH, width))
    await place.ffmpeg(poster_argv("poster.mp4", size), cwd=folder, what="poster")
    return (folder / "poster.jpg").exists()


async def _fillers(
    place: Workplace,
    good: Mapping[int, PartMarker],
    patches: Sequence[Filler],
    widths: Sequence[int],
    folder: Path,
) -> list[Filler]:
    """Black for every hole on the clock between two parts that no patch fills."""
    found = []
    patched = {patch.before for patch in patches}
    for (_, before), (number, after) in pairwise(sorted(good.items())):
        hole = Span(before.end_s, after.start_s)
        if hole.duration_s < SMALLEST_HOLE_S or number in patched:
            continue
        if hole.duration_s > LARGEST_HOLE_S:
            raise RefusedError(f"its clock jumps by {hole.duration_s:.0f} s before part {number}")
        log.warning("%.1f s of black before part %d", hole.duration_s, number)
        rungs = _as_plan(before.rungs, widths)
        name = f"black-{number:04d}"
        (folder / name).mkdir()
        for rung in rungs:
            (folder / name / rung.name).mkdir()
        argv = filler_argv(hole, before.frame_rate, rungs, place.quality, segment_s=place.settings.segment_s)
        await place.ffmpeg(argv, cwd=folder / name, what=name)
        black, _ = await in_thread(read_rungs, folder / name, rungs)
        made = [rung.model_copy(update={"folder": f"{name}/{rung.folder}"}) for rung in black]
        found.append(Filler(before=number, start_s=hole.start_s, end_s=hole.end_s, rungs=tuple(made)))
    return found


def _as_plan(rungs: Sequence[RungRendition], widths: Sequence[int]) -> list[Rung]:
    """The rungs of a part as a plan again, with the same ceilings, for the same init segments."""
    ceilings = {tier.width: tier.bitrate_bps for tier in VOD_TIERS}
    smallest = min(ceilings.values())
    return [Rung(r.picture, ceilings.get(r.width, smallest)) for r in rungs if r.width in widths]
