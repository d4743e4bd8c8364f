"""Parts that do not arrive: a closed session waits for them for a while, says so, and then goes on without them."""

from __future__ import annotations

import logging

from panocast.errors import TemporaryError
from panocast.layout import PartKey, Session
from panocast.queue import MAX_DELAY_S
from panocast.threads import in_thread
from transcoder.jobs import Job
from transcoder.missing import parts_in_words, session_state
from transcoder.part import give_up_part
from transcoder.workplace import Workplace

log = logging.getLogger(__name__)

# A session that waits is looked at this many times in all, more where the queue cannot keep them so far apart.
LOOKS = 15


class NotYetError(TemporaryError):
    """Nothing failed, but something is not there yet: do the job `again` in `pause_s` seconds."""

    def __init__(self, message: str, again: Job, pause_s: float) -> None:
        super().__init__(message)
        self.again = again
        self.pause_s = pause_s


async def give_up_late_parts(place: Workplace, session: Session, job: Job) -> bool:
    """Whether a closed session, after the looks at it that `job` counts, now goes on without parts that never arrived.

    Raises NotYetError while it should still wait for them (`patience_s` in all). Looks are counted, and the queue keeps
    them apart, because a clock may be set: a part that was given up too early would be lost.
    """
    if await in_thread(place.ingest.stat, session.end_key) is None or await place.is_done(session):
        return False
    state = await in_thread(session_state, place.ingest, place.egress, session)
    if state.is_made:
        words = f"{session.path}: what was made of its parts is being cleared up, or just came"
        raise NotYetError(words, job, place.settings.retry_s)
    if not state.absent or state.counted is None:
        return False
    patience_s = place.settings.patience_s
    pause_s = min(patience_s / LOOKS, MAX_DELAY_S)
    if job.looks_for(state.counted) * pause_s < patience_s:
        words = f"{parts_in_words(state.absent)} not arrived, of {state.counted}"
        raise NotYetError(f"{session.path}: {words}", job.looked_once_more(state.counted), pause_s)
    for number in state.absent:
        log.error("%s: part %d never arrived: going on without it", session.path, number)
        await give_up_part(place, PartKey(session, number), f"it did not arrive within {patience_s:g} s of the end")
    return True
