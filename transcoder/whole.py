"""What is made from a session as a whole once every part is there: its sound, a poster, black where pictures miss."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from panocast.errors import NotFoundError, RefusedError
from panocast.hls import AAC_LC
from panocast.ladder import VOD_TIERS, Rung
from panocast.layout import Session
from transcoder.encode import (
    POSTER_WIDTH,
    Span,
    audio_argv,
    concat_script,
    filler_argv,
    poster_argv,
)
from transcoder.markers import (
    Filler,
    PartMarker,
    Rendition,
    RungRendition,
    WholeMarker,
    part_attempt_prefix,
    whole_attempt_prefix,
    whole_marker_key,
)
from transcoder.part import digest, files_of, read_rendition, read_rungs
from transcoder.publish import SMALLEST_HOLE_S, Piece, common_widths, pieces
from transcoder.workplace import Workplace, each, in_thread

log = logging.getLogger(__name__)

# A hole on the clock so long that only a broken clock explains it.
LARGEST_HOLE_S = 900.0
POSTER_AFTER_S = 3.0


async def read_whole_marker(place: Workplace, session: Session) -> WholeMarker | None:
    """The marker of the whole, or None while there is none."""
    try:
        data, _ = await in_thread(place.egress.get_bytes, whole_marker_key(session))
    except NotFoundError:
        return None
    return WholeMarker.model_validate_json(data)


async def make_whole(place: Workplace, session: Session, parts: Mapping[int, PartMarker]) -> WholeMarker:
    """Make what belongs to the whole and commit it; gives the marker that won, ours or another's."""
    if there := await read_whole_marker(place, session):
        return there
    good = {number: part for number, part in parts.items() if part.failed is None}
    attempt = uuid.uuid4().hex[:12]
    prefix = whole_attempt_prefix(session, attempt)
    try:
        async with place.folder("whole") as folder:
            marker = await _make(place, session, good, attempt, folder)
            await place.store_files(folder, _files(marker), prefix)
    except BaseException:
        await asyncio.shield(in_thread(place.egress.delete_prefix, prefix))
        raise
    data = marker.model_dump_json().encode()
    await in_thread(partial(place.egress.put_bytes, whole_marker_key(session), data, if_absent=True))
    winner = await read_whole_marker(place, session)
    if winner is not None and winner.attempt != attempt:
        await in_thread(place.egress.delete_prefix, prefix)
    if winner is None:
        raise NotFoundError(f"{session.path} was finished meanwhile")
    return winner


async def _make(
    place: Workplace, session: Session, good: Mapping[int, PartMarker], attempt: str, folder: Path
) -> WholeMarker:
    found = pieces(session, good, None)
    widths = common_widths(found)
    audio, channels = await _audio(place, session, good, folder)
    return WholeMarker(
        attempt=attempt,
        audio=audio,
        channels=channels,
        poster=await _poster(place, found, widths, folder),
        fillers=await _fillers(place, good, widths, folder),
    )


def _files(marker: WholeMarker) -> list[str]:
    renditions: list[Rendition] = [marker.audio] if marker.audio else []
    renditions += [rung for filler in marker.fillers for rung in filler.rungs]
    return files_of(renditions) + (["poster.jpg"] if marker.poster else [])


async def _audio(
    place: Workplace, session: Session, good: Mapping[int, PartMarker], folder: Path
) -> tuple[Rendition | None, int]:
    """One encode of all parts' sound, from the first picture to the last; None where there is none."""
    sounds = [(number, part, part.sound) for number, part in sorted(good.items()) if part.sound]
    if not sounds:
        return None, 0
    files = [
        (f"{part_attempt_prefix(session, number, part.attempt)}audio.mov", folder / f"{number:04d}.mov")
        for number, part, _ in sounds
    ]
    await each(files, lambda file: place.egress.get_file(*file))
    script = concat_script([(path.name, sound.start_s) for (_, path), (_, _, sound) in zip(files, sounds, strict=True)])
    (folder / "audio.ffconcat").write_text(script)
    (folder / "audio").mkdir()
    span = Span(min(p.start_s for p in good.values()), max(p.end_s for p in good.values()))
    channels = min(2, max(sound.channels for _, _, sound in sounds))
    argv = audio_argv("audio.ffconcat", sounds[0][2].start_s, span, channels, segment_s=place.settings.segment_s)
    await place.ffmpeg(argv, cwd=folder, what=f"{session.path} audio")
    init, segments = read_rendition(folder / "audio")
    if not segments:
        log.warning("%s: nothing of its sound can be decoded", session.path)
        return None, 0
    rendition = Rendition(
        folder="audio", init_digest=digest(init), init_size=len(init), codecs=AAC_LC, segments=segments
    )
    return rendition, channels


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
    place: Workplace, good: Mapping[int, PartMarker], widths: Sequence[int], folder: Path
) -> tuple[Filler, ...]:
    """Black for every hole on the clock between two parts."""
    found = []
    for (_, before), (number, after) in pairwise(sorted(good.items())):
        hole = Span(before.end_s, after.start_s)
        if hole.duration_s < SMALLEST_HOLE_S:
            continue
        if hole.duration_s > LARGEST_HOLE_S:
            raise RefusedError(f"its clock jumps by {hole.duration_s:.0f} s before part {number}")
        log.warning("%.1f s of black before part %d", hole.duration_s, number)
        rungs = _black_rungs(before.rungs, widths)
        name = f"black-{number:04d}"
        (folder / name).mkdir()
        for rung in rungs:
            (folder / name / rung.name).mkdir()
        argv = filler_argv(hole, before.frame_rate, rungs, place.quality, segment_s=place.settings.segment_s)
        await place.ffmpeg(argv, cwd=folder / name, what=name)
        made = [r.model_copy(update={"folder": f"{name}/{r.folder}"}) for r in read_rungs(folder / name, rungs)]
        found.append(Filler(before=number, start_s=hole.start_s, end_s=hole.end_s, rungs=tuple(made)))
    return tuple(found)


def _black_rungs(rungs: Sequence[RungRendition], widths: Sequence[int]) -> list[Rung]:
    """The rungs of a part as a plan again, with the same ceilings, for the same init segments."""
    ceilings = {tier.width: tier.bitrate_bps for tier in VOD_TIERS}
    smallest = min(ceilings.values())
    return [Rung(r.picture, ceilings.get(r.width, smallest)) for r in rungs if r.width in widths]
