"""What a job of each kind does, and what is written down when it failed."""

from __future__ import annotations

import json
import logging

from panocast.layout import EndKey, PartKey, Session, UploadKey, failed_key
from panocast.threads import in_thread
from transcoder.event import now
from transcoder.finish import finish, is_ready
from transcoder.jobs import Ignored, Job, job_for
from transcoder.late import give_up_late_parts
from transcoder.merge import merge
from transcoder.part import give_up_part, transcode_part
from transcoder.upload import cut_upload
from transcoder.workplace import OnProgress, Workplace

log = logging.getLogger(__name__)


async def do(place: Workplace, job: Job, on_progress: OnProgress | None = None) -> float:
    """Do a job to its end, results stored; gives the seconds of video that it transcoded.

    Whatever it raises says whether another try makes sense.
    """
    video_s = 0.0
    match job.at:
        case PartKey() as part:
            if marker := await transcode_part(place, part, on_progress):
                video_s = marker.end_s - marker.start_s
            await finish_when_ready(place, part.session)
        case EndKey(session):
            if await finish(place, session) is None and await give_up_late_parts(place, session, job):
                await finish(place, session)
            await merge(place, session)
        case UploadKey() as upload:
            await cut_upload(place, upload)
    # An earlier failure of the same object is no longer true.
    await in_thread(place.egress.delete, failed_key(job.key))
    return video_s


async def finish_when_ready(place: Workplace, session: Session) -> None:
    """Ask for the finish of a session whose last missing part this was: a job of its own, with its own failures."""
    if await is_ready(place, session):
        job = job_for(session.end_key)
        assert not isinstance(job, Ignored)
        await in_thread(place.queue.send, job.body())


async def give_up(place: Workplace, job: Job, reason: str) -> None:
    """Write down, in words, that a job failed for good; a session goes on without a part that did."""
    said = {"key": job.key, "reason": reason, "at": now().isoformat(timespec="seconds"), "tries": job.failures + 1}
    await in_thread(place.egress.put_bytes, failed_key(job.key), json.dumps(said, indent=1).encode())
    if isinstance(job.at, PartKey):
        await give_up_part(place, job.at, reason)
        await finish_when_ready(place, job.at.session)
