"""One file to VOD, here and now: the same jobs as a worker's, in a folder of their own, without a queue to wait for."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from panocast.errors import RefusedError, UsageError
from panocast.ffmpeg import Progress
from panocast.layout import UPLOADS, PartKey, Session, UploadKey
from panocast.machine import this_machine
from panocast.queue import open_queue
from panocast.settings import TranscoderSettings
from panocast.store import open_store
from panocast.threads import in_thread
from transcoder.ends import Source, Target
from transcoder.event import read_end
from transcoder.finish import finish
from transcoder.part import give_up_part, transcode_part
from transcoder.publish import Asset
from transcoder.slots import job_slots
from transcoder.upload import cut_upload
from transcoder.workplace import Workplace

log = logging.getLogger(__name__)

# Seconds of the recording done so far, and its length in seconds (0 while it is not known).
OnSeconds = Callable[[float, float], None]


async def run_one(source: Source, target: Target, settings: TranscoderSettings, on_seconds: OnSeconds) -> Asset:
    """Transcode the file `source` into the new folder or prefix `target`: master.m3u8, asset.json and what they name.

    Raises RefusedError for what is no video that panocast can take, TemporaryError when another try could succeed,
    UsageError when there is no source or the target would be overwritten.
    """
    await in_thread(target.check)
    aside = await in_thread(_new_folder, target.scratch_root())
    try:
        place = Workplace(
            ingest=open_store((aside / "ingest").as_uri()),
            egress=open_store((aside / "egress").as_uri()),
            queue=open_queue(f"sqlite://{aside}/queue.db"),
            settings=settings,
            scratch=aside / "scratch",
            slots=job_slots(settings, this_machine()),
        )
        at = UploadKey(UPLOADS + key_name(source.name))
        path = await in_thread(source.fetch, aside)
        # What it is cut from, and what into.
        await place.check_room(source.name, scratch=2 * (await in_thread(path.stat)).st_size)
        await in_thread(place.ingest.put_file, at.key, path)
        session = await cut_upload(place, at)
        await _transcode(place, session, on_seconds)
        asset = await finish(place, session)
        assert asset is not None
        await target.fill(aside / "egress" / session.vod_prefix)
        return asset
    finally:
        await asyncio.shield(in_thread(shutil.rmtree, aside, True))


def key_name(name: str) -> str:
    """A file's name as the last segment of a key."""
    return name.lstrip(".") or "upload"


async def _transcode(place: Workplace, session: Session, on_seconds: OnSeconds) -> None:
    """All parts, as many at once as the settings say; a part that cannot be decoded is left out."""
    end = await in_thread(read_end, place.ingest, session)
    assert end is not None
    done = dict.fromkeys(range(1, end.parts + 1), 0.0)
    slots = asyncio.Semaphore(place.slots)
    rate = end.source.frame_rate or 30.0

    async def one(number: int) -> None:
        def take(progress: Progress) -> None:
            done[number] = max(done[number], progress.frames / rate)
            on_seconds(min(sum(done.values()), end.duration_s), end.duration_s)

        at = PartKey(session, number)
        async with slots:
            try:
                await transcode_part(place, at, take)
            except RefusedError as error:
                log.error("part %d: %s", number, error)
                await give_up_part(place, at, str(error))

    on_seconds(0.0, end.duration_s)
    try:
        async with asyncio.TaskGroup() as group:
            for number in done:
                group.create_task(one(number))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    on_seconds(end.duration_s, end.duration_s)


def _new_folder(root: Path | None) -> Path:
    """A hidden folder inside `root` (made where missing), so that the result moves there without another copy."""
    if root is None:
        return Path(tempfile.mkdtemp(prefix="panocast-")).resolve()
    try:
        root.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".panocast-", dir=root)).resolve()
    except OSError as error:
        raise UsageError(f"cannot write to {root}: {error.strerror}") from error
