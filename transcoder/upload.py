"""The upload job: a file is looked at, then cut at keyframes into the parts of a recording, its sound apart."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from panocast.errors import NotFoundError, RefusedError
from panocast.fence import copying
from panocast.layout import Session, UploadKey, upload_session
from panocast.mp4 import write_edit
from panocast.probe import MediaInfo, probe
from panocast.process import ProcessError
from panocast.recording import EndMarker, SourceInfo
from panocast.store import Stat
from panocast.threads import in_thread
from transcoder.cut import SOUND, Lane, Stretch, cut_argv, lanes, part_length_s, plan_parts, read_packets, scan_argv
from transcoder.lent import lend
from transcoder.limits import refuse_absurd, refuse_too_long
from transcoder.workplace import TRANSFERS, Workplace, each, move_into

log = logging.getLogger(__name__)

# What ffmpeg says of a codec that a container has no name for.
_NO_TAG = (
    "Could not find tag for codec",
    "muxing is currently not supported",
    "codec not supported in",
    "only supported",
)


async def cut_upload(place: Workplace, at: UploadKey) -> Session:
    """Cut an uploaded file into parts in the ingest store and close their session.

    Raises RefusedError in words for what is no video that panocast can take.
    """
    async with place.folder("upload") as outer:
        source, folder = outer / "upload", outer / "work"
        folder.mkdir()
        lent = await in_thread(lend, place.ingest, at.key, source)
        stat = lent.stat if lent else await _copy(place, at, source)
        session = upload_session(at.key, stat.etag, stat.modified)
        if await in_thread(place.ingest.stat, session.end_key):
            log.info("%s: %s was cut before", session.path, at.key)
            return session
        info = await probe(source, max_pixels=place.settings.max_pixels, fence=place.settings.fence)
        info.require_video()
        refuse_absurd(info, place.settings)
        # Its parts and its sound, which go to the store from here.
        await place.check_room(at.key, scratch=stat.size, ingest=stat.size)
        cuts = lanes(await _plan(place, info, folder, source))
        await _cut(place, info, folder, source, cuts)
        if lent:
            await in_thread(lent.check_unchanged)
        source.unlink()
        parts = await in_thread(_finish_parts, folder / "cut", cuts)
        keys = [(session.part_key(number), path) for number, path in enumerate(parts, 1)]
        if info.audio:
            keys.append((session.sound_key, folder / SOUND))
        # One by one on one disk, so that none but one is there twice.
        at_once = 1 if lent else TRANSFERS
        await each(keys, lambda pair: move_into(place.ingest, *pair, if_absent=True), at_once=at_once)
        end = end_marker(session, at.key, stat, info, len(parts)).model_dump_json().encode()
        await in_thread(partial(place.ingest.put_bytes, session.end_key, end, if_absent=True))
    log.info("%s: %s cut into %d parts", session.path, at.key, len(parts))
    return session


async def _copy(place: Workplace, at: UploadKey, source: Path) -> Stat:
    """Bring the file here, if there is room for it, its parts and its sound."""
    if found := await in_thread(place.ingest.stat, at.key):
        await place.check_room(at.key, scratch=2 * found.size, ingest=found.size)
    try:
        return await in_thread(place.ingest.get_file, at.key, source)
    except NotFoundError as error:
        raise RefusedError("the file was deleted before its turn") from error


async def _plan(place: Workplace, info: MediaInfo, folder: Path, source: Path) -> list[Stretch]:
    settings, limits = place.settings, copying((await in_thread(source.stat)).st_size)
    argv = scan_argv(f"file:{source}", info.container, max_pixels=settings.max_pixels, sound=info.audio is not None)
    await place.ffmpeg(argv, cwd=folder, what="scan", limits=limits, reads=[source])
    part_s = part_length_s(info.duration_s, settings.fleet_slots, settings.part_s)
    stretches = await in_thread(_read_plan, folder / "packets.txt", part_s)
    if not stretches:
        raise RefusedError("nothing of it can be read")
    refuse_too_long(float(stretches[-1].end_s - stretches[0].start_s), settings)
    return stretches


def _read_plan(listed: Path, part_s: float) -> list[Stretch]:
    with listed.open() as lines:
        return plan_parts(read_packets(lines), part_s)


async def _cut(place: Workplace, info: MediaInfo, folder: Path, source: Path, cuts: Sequence[Lane]) -> None:
    (folder / "cut").mkdir()
    limits = copying((await in_thread(source.stat)).st_size)
    for muxer in ("mp4", "mov"):
        pixels, sound = place.settings.max_pixels, info.audio is not None
        argv = cut_argv(f"file:{source}", info.container, muxer, cuts, max_pixels=pixels, sound=sound)
        try:
            await place.ffmpeg(argv, cwd=folder, what="cut", limits=limits, reads=[source])
        except ProcessError as error:
            if not any(words in line for line in error.tail for words in _NO_TAG):
                raise
        else:
            return
    codecs = [track.codec for track in (info.video, info.audio) if track]
    raise RefusedError(f"its codecs ({' and '.join(codecs)}) do not fit into MP4 or MOV: convert it to H.264 and AAC")


def _finish_parts(folder: Path, cuts: Sequence[Lane]) -> list[Path]:
    """The parts in order, each telling what of it is shown; what lies between the parts of a lane goes."""
    found: dict[int, Path] = {}
    for number, lane in enumerate(cuts):
        for part, stretch in lane.parts:
            path = folder / f"{number}-{lane.file_of(stretch):05d}.mp4"
            if stretch.lead_s:
                duration_s = stretch.end_s - stretch.start_s
                write_edit(path, start_s=stretch.start_s, duration_s=duration_s, lead_s=stretch.lead_s)
            found[part] = path
    for path in set(folder.iterdir()) - set(found.values()):
        path.unlink()
    return [path for _, path in sorted(found.items())]


def end_marker(session: Session, key: str, stat: Stat, info: MediaInfo, parts: int) -> EndMarker:
    """What closes the session of an uploaded file."""
    video = info.require_video()
    title = PurePosixPath(key).stem.encode("utf-8", "replace").decode()
    return EndMarker(
        name=session.name,
        session=session.id,
        parts=parts,
        duration_s=info.duration_s,
        started=stat.modified,
        origin="upload",
        title=title,
        projection=info.projection,
        stereo=info.stereo,
        orientation=info.orientation,
        source=SourceInfo(
            width=video.size.width,
            height=video.size.height,
            frame_rate=round(float(video.frame_rate), 3),
            video_codec=video.codec,
            audio_codec=info.audio.codec if info.audio else None,
        ),
    )
