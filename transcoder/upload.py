"""The upload job: somebody's file is looked at, then cut at keyframes into the parts of a recording."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path, PurePosixPath

from panocast.errors import NotFoundError, RefusedError
from panocast.layout import Session, UploadKey, upload_session
from panocast.probe import MediaInfo, probe
from panocast.process import ProcessError
from panocast.recording import EndMarker, SourceInfo
from panocast.store import Stat
from transcoder.encode import cut_argv
from transcoder.workplace import Workplace, each, in_thread

log = logging.getLogger(__name__)

# What ffmpeg says of a codec that a container has no name for.
_NO_TAG = ("Could not find tag for codec", "muxing is currently not supported", "codec not supported in")


async def cut_upload(place: Workplace, at: UploadKey) -> Session:
    """Cut an uploaded file into parts in the ingest store and close their session.

    Raises RefusedError in words for what is no video that panocast can take.
    """
    async with place.folder("upload") as folder:
        source = folder / "upload"
        try:
            stat = await in_thread(place.ingest.get_file, at.key, source)
        except NotFoundError as error:
            raise RefusedError("the file was deleted before its turn") from error
        session = upload_session(at.key, stat.etag, stat.modified)
        if await in_thread(place.ingest.stat, session.end_key):
            log.info("%s: %s was cut before", session.path, at.key)
            return session
        info = await probe(source, max_pixels=place.settings.max_pixels)
        info.require_video()
        parts = await _cut(place, info, folder, source.name)
        keys = [(session.part_key(number), path) for number, path in enumerate(parts, 1)]
        await each(keys, lambda pair: place.ingest.put_file(pair[0], pair[1], if_absent=True))
        end = end_marker(session, at.key, stat, info, len(parts)).model_dump_json().encode()
        await in_thread(partial(place.ingest.put_bytes, session.end_key, end, if_absent=True))
    log.info("%s: %s cut into %d parts", session.path, at.key, len(parts))
    return session


async def _cut(place: Workplace, info: MediaInfo, folder: Path, name: str) -> list[Path]:
    (folder / "cut").mkdir()
    for muxer in ("mp4", "mov"):
        argv = cut_argv(name, info.container, muxer, part_s=place.settings.part_s, max_pixels=place.settings.max_pixels)
        try:
            await place.ffmpeg(argv, cwd=folder, what="cut")
        except ProcessError as error:
            if not any(words in line for line in error.tail for words in _NO_TAG):
                raise
            continue
        if parts := sorted(path for path in (folder / "cut").iterdir() if path.stat().st_size):
            return parts
        raise RefusedError("nothing of it can be read")
    codecs = [track.codec for track in (info.video, info.audio) if track]
    raise RefusedError(f"its codecs ({' and '.join(codecs)}) do not fit into MP4 or MOV: convert it to H.264 and AAC")


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
        source=SourceInfo(
            width=video.size.width,
            height=video.size.height,
            frame_rate=round(float(video.frame_rate), 3),
            video_codec=video.codec,
            audio_codec=info.audio.codec if info.audio else None,
        ),
    )
