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
from panocast.layout import VOD, PartKey, Session
from panocast.mp4 import read_edit, split_fragments
from panocast.probe import MediaInfo, probe
from panocast.store import Store
from panocast.threads import in_thread
from transcoder.encode import FRAGMENTS, MEDIA_ORIGIN_S, Span, nominal_rate, part_argv
from transcoder.event import read_done
from transcoder.limits import encoded_bytes, encoding, refuse_absurd
from transcoder.markers import (
    PartMarker,
    Rendition,
    RungRendition,
    SegmentFile,
    Sound,
    part_attempt_prefix,
    part_marker_key,
    part_prefix,
)
from transcoder.marks import read_marks
from transcoder.workplace import OnProgress, Workplace

log = logging.getLogger(__name__)


async def transcode_part(place: Workplace, at: PartKey, on_progress: OnProgress | None = None) -> PartMarker | None:
    """Transcode a part and commit its marker (None: it was done before); the first attempt to commit wins.

    Raises RefusedError when the part can never be transcoded, or comes too late, TemporaryError and ProcessError when
    it may.
    """
    is_done = await place.is_done(at.session, at.number)
    if is_done:
        await in_thread(_refuse_if_left_out, place.egress, at)
    if is_done or await _is_committed(place, at):
        log.info("%s part %d: done before", at.session.path, at.number)
        return None
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
    return marker


def _refuse_if_left_out(egress: Store, at: PartKey) -> None:
    """A recording that is published without a part stays as it is: nobody may believe that another try mended it."""
    done = read_done(egress, at.session)
    made = done.made.get(at.number) if done else None
    if done and made and made.failed is not None:
        raise RefusedError(
            f"the recording is published without it ({made.failed}); to make it anew, remove {at.session.done_key} and "
            f"{VOD}{done.asset}/ from the egress store, retry this, and run `transcoder submit --missing`"
        )


async def give_up_part(place: Workplace, at: PartKey, reason: str) -> None:
    """Commit that a part cannot be transcoded, so that the rest of its session can be published without it."""
    if not await place.is_done(at.session, at.number):
        await _commit(place, at, PartMarker(attempt="none", failed=reason))
        await _clear_if_done(place, at)


async def _clear_if_done(place: Workplace, at: PartKey) -> None:
    """A part whose session was finished while we worked, by those whose attempt had won, leaves no work in progress."""
    if await place.is_done(at.session, at.number):
        await in_thread(remove_part, place.egress, at.session, at.number)


def remove_part(egress: Store, session: Session, number: int) -> None:
    """Remove what was made of a part; its marker last, for once that is gone, it may be put back. Blocks."""
    egress.delete_prefix(part_prefix(session, number))
    egress.delete(part_marker_key(session, number))


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
    source, key = folder / "part.mp4", at.session.part_key(at.number)
    if found := await in_thread(place.ingest.stat, key):
        await place.check_room(key, scratch=found.size)
    try:
        await in_thread(place.ingest.get_file, key, source)
    except NotFoundError as error:
        raise RefusedError("the part was deleted before its turn") from error
    info = await probe(source, max_pixels=place.settings.max_pixels, fence=place.settings.fence)
    refuse_absurd(info, place.settings)
    if info.container != "mov":
        raise RefusedError(f"the part is not an MP4 but {info.container}")
    video = info.require_video()
    span, rate, rungs = await in_thread(_span, source, info), nominal_rate(video.frame_rate), vod_rungs(video.size)
    most = encoded_bytes(rungs, span.duration_s)
    await place.check_room(key, scratch=most, egress=most)
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
        colour=video.colour,
        audio=info.audio is not None,
    )
    limits = encoding(info, rungs, size_bytes=source.stat().st_size, threads=place.quality.threads)
    what = f"{at.session.path} part {at.number}"
    frames = await place.ffmpeg(argv, cwd=folder, what=what, limits=limits, on_progress=on_progress)
    expected = round(span.duration_s * video.frame_rate)
    if frames < 0.98 * expected - 1:
        log.warning("%s part %d: %d of %d frames", at.session.path, at.number, frames, expected)
    made, start_s = await in_thread(read_rungs, folder, rungs)
    return PartMarker(
        attempt=attempt,
        start_s=start_s,
        end_s=start_s + sum(segment.duration_s for segment in made[0].segments),
        frames=frames,
        frame_rate=rate,
        rungs=made,
        sound=Sound.of(info.audio, info.audio.start_s) if info.audio else None,
        # An upload has no partner.
        marks=await read_marks(source, place.settings) if at.session.role != "upload" else (),
    )


def _span(source: Path, info: MediaInfo) -> Span:
    """What a part shows, as it says itself: ffprobe counts what is only decoded into the duration."""
    video, edit = info.require_video(), read_edit(source)
    duration_s = video.duration_s or info.duration_s
    return Span(video.start_s, video.start_s + (min(duration_s, float(edit.duration_s)) if edit else duration_s))


def read_rungs(folder: Path, rungs: Sequence[Rung]) -> tuple[tuple[RungRendition, ...], float]:
    """What ffmpeg wrote for each rung, cut into segments, and when the first picture that could be decoded is shown
    (seconds on the recording's clock); RefusedError when it found no picture to encode."""
    found, start_s = [], 0.0
    for rung in rungs:
        written = folder / rung.name / FRAGMENTS
        fragments = split_fragments(written) if written.exists() else []
        if not fragments:
            raise RefusedError("no picture of it can be decoded")
        init = (folder / rung.name / "init.mp4").read_bytes()
        codecs = h264_codec_of_init(init)
        assert codecs is not None
        start_s = float(fragments[0].start_s) - MEDIA_ORIGIN_S
        ends_s = [*(fragment.start_s for fragment in fragments[1:]), fragments[-1].end_s]
        found.append(
            RungRendition(
                folder=rung.name,
                init_digest=digest(init),
                init_size=len(init),
                codecs=codecs,
                segments=tuple(
                    SegmentFile(
                        name=fragment.name, duration_s=round(float(end_s - fragment.start_s), 6), size=fragment.size
                    )
                    for fragment, end_s in zip(fragments, ends_s, strict=True)
                ),
                width=rung.size.width,
                height=rung.size.height,
            )
        )
    return tuple(found), start_s


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
