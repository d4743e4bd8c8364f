"""Finishing a session: when it is closed and every part has its marker, its asset appears, whole and at once.

Every step may be repeated and may run on two machines at the same time: copies have the same content, one
`master.m3u8` wins, and what the master does not name is removed.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from functools import partial

from panocast.errors import NotFoundError, RefusedError, TemporaryError
from panocast.layout import PartKey, Session
from panocast.mp4 import move_segment
from panocast.recording import EndMarker
from panocast.store import Store
from panocast.threads import in_thread
from transcoder.event import asset_place, note_done, now, read_done, read_end
from transcoder.markers import PartMarker, part_marker_key
from transcoder.part import read_part_marker, remove_part
from transcoder.patch import Completion
from transcoder.publish import Asset, Move, Plan, edition_of, on_one_clock, plan_asset
from transcoder.restore import forget, restore, transcode_again
from transcoder.settle import check_complete, remove_unless_shown, settle
from transcoder.whole import make_whole
from transcoder.workplace import Workplace, each

log = logging.getLogger(__name__)


async def is_ready(place: Workplace, session: Session) -> bool:
    """Whether a session waits for nothing but its finish."""
    if await place.is_done(session):
        return False
    try:
        end = await in_thread(read_end, place.ingest, session)
    except RefusedError:  # finishing it will say so
        return True
    if end is None:
        return False
    done = await in_thread(read_done, place.egress, session)
    made = done.made if done else {}
    for number in range(end.parts, 0, -1):  # parts come in order, so a missing one is found soon from the end
        if number not in made and await in_thread(place.egress.stat, part_marker_key(session, number)) is None:
            return False
    return True


async def finish(place: Workplace, session: Session) -> Asset | None:
    """Publish a session's asset if all of it is there; None when it is not yet, or was published before.

    Raises RefusedError when the session can never become an asset.
    """
    done = await in_thread(read_done, place.egress, session)
    if done and await place.is_done(session):
        await clear(place, session, done.parts)
        return None
    if done and (gone := await restore(place, session, done)):
        await transcode_again(place, session, gone)
        return None
    end = await in_thread(read_end, place.ingest, session)
    parts = await read_markers(place, session, end) if end else None
    if end is None or parts is None:
        return None
    if all(part.failed is not None for part in parts.values()):
        raise RefusedError(f"none of its parts can be transcoded; the first: {parts[1].failed}")
    made, parts = parts, on_one_clock(parts)
    at = await in_thread(asset_place, place.ingest, place.egress, session)
    try:
        shown = await publish(place, at, session, end, parts)
    except NotFoundError as error:
        if not await place.is_done(session):
            back = {number: part for number, part in made.items() if done and number in done.made}
            await in_thread(forget, place.egress, session, edition_of(end.parts), back)
            raise TemporaryError(f"{session.path}: {error}") from error
        # Another worker finished it and cleared up; what we wrote since must go, unless the master names it.
        await in_thread(remove_unless_shown, place.egress, at, session)
        await clear(place, session, end.parts)
        return None
    await in_thread(note_done, place.egress, session, at, made)
    await clear(place, session, end.parts)
    log.info("%s: published as %s, %.1f s", session.path, at.master_key, shown.duration_s)
    return shown


async def publish(
    place: Workplace,
    at: Session,
    session: Session,
    end: EndMarker,
    parts: Mapping[int, PartMarker],
    completion: Completion | None = None,
    partner_parts: int = 0,
) -> Asset:
    """Publish an edition of a session's asset at `at`; gives what is shown then, which may be better than ours.

    Raises NotFoundError when somebody else has done it and cleared up.
    """
    edition = edition_of(end.parts, partner_parts)
    whole = await make_whole(place, session, edition, parts, completion)
    partner = completion.partner if completion else None
    # In a thread: a day of it takes seconds, and our lease must be held meanwhile.
    plan = await in_thread(plan_asset, at, session, edition, end, parts, whole, now(), partner)
    await _store(place, plan, at)
    shown = await in_thread(settle, place.egress, plan, at, session, edition)
    if shown.recording == session.id:
        await in_thread(check_complete, place.egress, plan, at, session)
    return shown


async def clear(place: Workplace, session: Session, parts: int) -> None:
    """Remove the work in progress on so many parts; what an encoder that came back goes on with stays: that on later
    ones, and all of it once the end marker counts them, for the next finish needs it and clears up itself."""
    if not await place.is_done(session):
        return
    names = await in_thread(_names_at_work, place.egress, session)
    numbers = {int(name.removesuffix(".json")) for name in names if re.fullmatch(r"\d{4,6}(\.json)?", name)}
    ours = sorted(number for number in numbers if number <= parts)
    await each(ours, partial(remove_part, place.egress, session), at_once=place.egress.at_once)
    wholes = sorted(name for name in names if name.startswith("whole-"))
    await each(wholes, lambda name: place.egress.delete(session.work_prefix + name))
    await in_thread(place.egress.delete_prefix, f"{session.work_prefix}whole/")


def _names_at_work(egress: Store, session: Session) -> set[str]:
    """What lies in a session's folder of work: of parts and of the whole, markers and folders; blocks."""
    return {stat.key.removeprefix(session.work_prefix).partition("/")[0] for stat in egress.list(session.work_prefix)}


async def read_markers(place: Workplace, session: Session, end: EndMarker) -> Mapping[int, PartMarker] | None:
    """The markers of all parts by number, None while one is missing."""
    numbers = range(1, end.parts + 1)
    found = await asyncio.gather(*(read_part_marker(place, PartKey(session, number)) for number in numbers))
    markers = {number: marker[0] for number, marker in zip(numbers, found, strict=True) if marker}
    return markers if len(markers) == end.parts else None


async def _store(place: Workplace, plan: Plan, at: Session) -> None:
    """Everything but the master, which makes it visible."""
    await place.copy(plan.copies)
    await each(plan.moves, lambda move: _move(place.egress, move))
    texts = list(plan.texts.items())
    await each(texts, lambda text: place.egress.put_bytes(text[0], text[1].encode()))
    described = plan.asset.model_dump_json(indent=1).encode()
    await in_thread(partial(place.egress.put_bytes, at.asset_key, described, if_absent=True))


def _move(egress: Store, move: Move) -> None:
    init, segment = egress.get_bytes(move.init)[0], egress.get_bytes(move.source)[0]
    egress.put_bytes(move.target, move_segment(init, segment, move.later_s))
