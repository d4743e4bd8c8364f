"""The part job: one part of a recording becomes segments of every rung, on whatever machine, in whatever order."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from panocast.errors import NotFoundError, RefusedError
from panocast.hls import h264_codec_of_init, parse_media_playlist
from panocast.ladder import Rung, vod_rungs
from panocast.layout import PartKey
from panocast.probe import MediaInfo, VideoTrack, probe
from transcoder.encode import Span, nominal_rate, part_argv
from transcoder.markers import (
    PartMarker,
    Rendition,
    RungRendition,
    SegmentFile,
    Sound,
    part_attempt_prefix,
    part_marker_key,
)
from transcoder.workplace import OnProgress, Workplace, in_thread

log = logging.getLogger(__name__)


async def transcode_part(place: Workplace, at: PartKey, on_progress: OnProgress | None = None) -> None:
    """Transcode a part and commit its marker, unless that is done already; the first attempt to commit wins.

    Raises RefusedError when the part can never be transcoded, TemporaryError and ProcessError when it may.
    """
    if await place.is_done(at.session) or await _is_committed(place, at):
        log.info("%s part %d: done before", at.session.path, at.number)
        return
    attempt = uuid.uuid4().hex[:12]
    prefix = part_attempt_prefix(at.session, at.number, attempt)
    try:
        async with place.folder("part") as folder:
            marker = await _encode(place, at, attempt, folder, on_progress)
            await place.store_files(folder, files_of(marker.rungs, aside=marker.sound), prefix)
    except BaseException:
        await asyncio.shield(in_thread(place.egress.delete_prefix, prefix))
        raise
    # A commit whose answer is lost may have happened: then the files stay, until the session is published.
    if not await _commit(place, at, marker):
        await in_thread(place.egress.delete_prefix, prefix)
    await _clear_if_done(place, at)


async def give_up_part(place: Workplace, at: PartKey, reason: str) -> None:
    """Commit that a part cannot be transcoded, so that the rest of its session can be published without it."""
    if not await place.is_done(at.session):
        await _commit(place, at, PartMarker(attempt="none", failed=reason))
        await _clear_if_done(place, at)


async def _clear_if_done(place: Workplace, at: PartKey) -> None:
    """A session that was finished while we worked, by those whose attempt had won, keeps no work in progress."""
    if await place.is_done(at.session):
        await in_thread(place.egress.delete_prefix, at.session.work_prefix)


async def read_part_marker(place: Workplace, at: PartKey) -> tuple[PartMarker, str] | None:
    """A part's marker and its etag, or None while there is none."""
    try:
        data, stat = await in_thread(place.egress.get_bytes, part_marker_key(at.session, at.number))
    except NotFoundError:
        return None
    return PartMarker.model_validate_json(data), stat.etag


async def _is_committed(place: Workplace, at: PartKey) -> bool:
    found = await read_part_marker(place, at)
    return found is not None and found[0].failed is None


async def _commit(place: Workplace, at: PartKey, marker: PartMarker) -> bool:
    """Put the marker if there is none yet; a success takes the place of a failure, nothing of a success."""
    key, data = part_marker_key(at.session, at.number), marker.model_dump_json().encode()
    if await in_thread(partial(place.egress.put_bytes, key, data, if_absent=True)):
        return True
    found = await read_part_marker(place, at)
    if found is None:
        return False
    there, etag = found
    if there.failed is not None and marker.failed is None:
        return await in_thread(partial(place.egress.put_bytes, key, data, if_match=etag))
    return there.attempt == marker.attempt  # a put that was repeated because its first answer got lost


async def _encode(
    place: Workplace, at: PartKey, attempt: str, folder: Path, on_progress: OnProgress | None
) -> PartMarker:
    source = folder / "part.mp4"
    try:
        await in_thread(place.ingest.get_file, at.session.part_key(at.number), source)
    except NotFoundError as error:
        raise RefusedError("the part was deleted before its turn") from error
    info = await probe(source, max_pixels=place.settings.max_pixels)
    if info.container != "mov":
        raise RefusedError(f"the part is not an MP4 but {info.container}")
    video = info.require_video()
    span, rate, rungs = _span(info, video), nominal_rate(video.frame_rate), vod_rungs(video.size)
    for rung in rungs:
        (folder / rung.name).mkdir()
    argv = part_argv(
        source.name,
        span,
        rate,
        rungs,
        place.quality,
        segment_s=place.settings.segment_s,
        max_pixels=place.settings.max_pixels,
        tagged=video.color_space is not None,
        audio=info.audio is not None,
    )
    frames = await place.ffmpeg(argv, cwd=folder, what=f"{at.session.path} part {at.number}", on_progress=on_progress)
    if video.frames is not None and frames != video.frames:
        log.warning("%s part %d: %d of %d frames", at.session.path, at.number, frames, video.frames)
    made = await in_thread(read_rungs, folder, rungs)
    return PartMarker(
        attempt=attempt,
        start_s=span.start_s,
        end_s=span.start_s + sum(segment.duration_s for segment in made[0].segments),
        frames=frames,
        frame_rate=rate,
        rungs=made,
        sound=Sound(start_s=info.audio.start_s, channels=info.audio.channels) if info.audio else None,
    )


def _span(info: MediaInfo, video: VideoTrack) -> Span:
    return Span(video.start_s, video.start_s + (video.duration_s or info.duration_s))


def read_rungs(folder: Path, rungs: Sequence[Rung]) -> tuple[RungRendition, ...]:
    """What ffmpeg wrote for each rung; RefusedError when it found no picture to encode."""
    found = []
    for rung in rungs:
        init, segments = read_rendition(folder / rung.name)
        codecs = h264_codec_of_init(init)
        if codecs is None or not segments:
            raise RefusedError("no picture of it can be decoded")
        found.append(
            RungRendition(
                folder=rung.name,
                init_digest=digest(init),
                init_size=len(init),
                codecs=codecs,
                segments=segments,
                width=rung.size.width,
                height=rung.size.height,
            )
        )
    return tuple(found)


def read_rendition(folder: Path) -> tuple[bytes, tuple[SegmentFile, ...]]:
    """The init segment and the segments that ffmpeg's HLS muxer wrote to `folder`."""
    try:
        init = (folder / "init.mp4").read_bytes()
        playlist = parse_media_playlist((folder / "index.m3u8").read_text())
    except FileNotFoundError:
        return b"", ()
    segments = tuple(
        SegmentFile(name=s.uri, duration_s=s.duration_s, size=(folder / s.uri).stat().st_size)
        for s in playlist.segments
    )
    return init, segments


def digest(data: bytes) -> str:
    """Sixteen hexadecimal digits that tell one init segment from another."""
    return hashlib.sha256(data).hexdigest()[:16]


def files_of(renditions: Sequence[Rendition], *, aside: Sound | None = None) -> list[str]:
    """Every file of an attempt, relative to its folder."""
    names = ["audio.mov"] if aside else []
    for rendition in renditions:
        names += [f"{rendition.folder}/init.mp4", *(f"{rendition.folder}/{s.name}" for s in rendition.segments)]
    return names
