"""Parts that do not arrive: a closed session waits for them for a while, says so, and then goes on without them."""

from __future__ import annotations

import logging

from panocast.errors import TemporaryError
from panocast.layout import PartKey, Session
from transcoder.event import now
from transcoder.missing import parts_in_words, session_state
from transcoder.part import give_up_part
from transcoder.workplace import Workplace, in_thread

log = logging.getLogger(__name__)

# A session that waits is looked at this many times in all.
LOOKS = 15


class NotYetError(TemporaryError):
    """Nothing failed, but something has not arrived yet: look again in `pause_s` seconds."""

    def __init__(self, message: str, pause_s: float) -> None:
        super().__init__(message)
        self.pause_s = pause_s


async def give_up_late_parts(place: Workplace, session: Session) -> bool:
    """Whether a closed session now goes on without parts that never arrived.

    Raises NotYetError while it should still wait for them (`patience_s` from the arrival of its end marker).
    """
    end = await in_thread(place.ingest.stat, session.end_key)
    if end is None or await place.is_done(session):
        return False
    state = await in_thread(session_state, place.ingest, place.egress, session)
    if not state.absent:
        return False
    patience_s = place.settings.patience_s
    if (now() - end.modified).total_seconds() < patience_s:
        words = f"{parts_in_words(state.absent)} not arrived, of {state.counted}"
        raise NotYetError(f"{session.path}: {words}", patience_s / LOOKS)
    for number in state.absent:
        log.error("%s: part %d never arrived: going on without it", session.path, number)
        await give_up_part(place, PartKey(session, number), f"it did not arrive within {patience_s:g} s of the end")
    return True
