"""Finishing a session: when it is closed and every part has its marker, its asset appears, whole and at once.

Every step may be repeated and may run on two machines at the same time: copies have the same content, one
`master.m3u8` wins, and what the master does not name is removed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial

from panocast.errors import NotFoundError, RefusedError, TemporaryError
from panocast.hls import variant_uris
from panocast.layout import PartKey, Session
from panocast.recording import EndMarker
from panocast.store import Store
from transcoder.catalog import list_asset
from transcoder.event import SAME_LENGTH_S, asset_place, note_done, now, read_end
from transcoder.markers import PartMarker, part_marker_key
from transcoder.part import read_part_marker
from transcoder.publish import Asset, Plan, plan_asset
from transcoder.whole import make_whole
from transcoder.workplace import Workplace, each, in_thread

log = logging.getLogger(__name__)

TRIES = 20


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
    for number in range(end.parts, 0, -1):  # parts come in order, so a missing one is found soon from the end
        if await in_thread(place.egress.stat, part_marker_key(session, number)) is None:
            return False
    return True


async def finish(place: Workplace, session: Session) -> Asset | None:
    """Publish a session's asset if all of it is there; None when it is not yet, or was published before.

    Raises RefusedError when the session can never become an asset.
    """
    if await place.is_done(session):
        await in_thread(place.egress.delete_prefix, session.work_prefix)
        return None
    end = await in_thread(read_end, place.ingest, session)
    parts = await _read_markers(place, session, end) if end else None
    if end is None or parts is None:
        return None
    if all(part.failed is not None for part in parts.values()):
        raise RefusedError(f"none of its parts can be transcoded; the first: {parts[1].failed}")
    at = await in_thread(asset_place, place.ingest, place.egress, session)
    try:
        whole = await make_whole(place, session, parts)
        plan = plan_asset(at, session, end, parts, whole, now())
        await _store(place, plan, at, session)
    except NotFoundError as error:
        if not await place.is_done(session):
            raise TemporaryError(f"{session.path}: {error}") from error
        # Another worker finished it and cleared up; what we wrote since must go, unless the master names it.
        await in_thread(_remove_unless_shown, place.egress, at, session)
        await in_thread(place.egress.delete_prefix, session.work_prefix)
        return None
    shown = await in_thread(_settle, place.egress, plan, at, session)
    await in_thread(note_done, place.egress, session, at)
    await in_thread(place.egress.delete_prefix, session.work_prefix)
    log.info("%s: published as %s, %.1f s", session.path, at.master_key, shown.duration_s)
    return shown


async def _read_markers(place: Workplace, session: Session, end: EndMarker) -> Mapping[int, PartMarker] | None:
    """The markers of all parts by number, None while one is missing."""
    numbers = range(1, end.parts + 1)
    found = await asyncio.gather(*(read_part_marker(place, PartKey(session, number)) for number in numbers))
    markers = {number: marker[0] for number, marker in zip(numbers, found, strict=True) if marker}
    return markers if len(markers) == end.parts else None


async def _store(place: Workplace, plan: Plan, at: Session, session: Session) -> None:
    """Everything but the master, which makes it visible."""
    await place.copy(plan.copies)
    texts = list(plan.texts.items())
    await each(texts, lambda text: place.egress.put_bytes(text[0], text[1].encode()))
    described = plan.asset.model_dump_json(indent=1).encode()
    await in_thread(partial(place.egress.put_bytes, at.asset_key, described, if_absent=True))


def _settle(egress: Store, plan: Plan, at: Session, session: Session) -> Asset:
    """Decide which recording the asset shows, and make everything agree with that; blocks."""
    if not _claim(egress, plan, at, session):
        log.info("%s: the asset %s already shows a recording as long", session.path, at.path)
        _remove_unless_shown(egress, at, session)
    while True:
        shown, _ = _shown(egress, at) or ("", "")
        egress.copy(f"{at.vod_prefix}{shown}/asset.json", at.asset_key)
        if (_shown(egress, at) or ("", ""))[0] == shown:
            break
    asset = Asset.model_validate_json(egress.get_bytes(at.asset_key)[0])
    list_asset(egress, asset)
    return asset


def _claim(egress: Store, plan: Plan, at: Session, session: Session) -> bool:
    """Make the master ours, unless the recording it shows is as long (within a second)."""
    master = plan.master.encode()
    for _ in range(TRIES):
        shown = _shown(egress, at)
        if shown is None:
            if egress.put_bytes(at.master_key, master, if_absent=True):
                return True
            continue
        other, etag = shown
        if other == session.id:
            return True
        there = Asset.model_validate_json(egress.get_bytes(f"{at.vod_prefix}{other}/asset.json")[0])
        if plan.asset.duration_s <= there.duration_s + SAME_LENGTH_S:
            return False
        if egress.put_bytes(at.master_key, master, if_match=etag):
            egress.delete_prefix(f"{at.vod_prefix}{other}/")
            return True
    raise TemporaryError(f"{at.master_key} was rewritten by others {TRIES} times in a row")


def _shown(egress: Store, at: Session) -> tuple[str, str] | None:
    """The id of the recording whose media the master names, and the master's etag; None without a master."""
    try:
        data, stat = egress.get_bytes(at.master_key)
    except NotFoundError:
        return None
    return variant_uris(data.decode())[0].partition("/")[0], stat.etag


def _remove_unless_shown(egress: Store, at: Session, session: Session) -> None:
    shown = _shown(egress, at)
    if shown is None or shown[0] != session.id:
        egress.delete_prefix(f"{at.vod_prefix}{session.id}/")
