"""Which recording an event's asset shows, and which edition of it: one `master.m3u8` wins, by compare-and-swap.

Everything here blocks, and may be repeated, by several workers at the same time.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from panocast.errors import NotFoundError, TemporaryError
from panocast.hls import variant_uris
from panocast.layout import Session
from panocast.store import Store
from transcoder.catalog import list_asset
from transcoder.event import SAME_LENGTH_S
from transcoder.publish import Asset, Plan, is_later

log = logging.getLogger(__name__)

TRIES = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """The recording whose media an asset's master names, which edition of it, and the master's etag."""

    recording: str
    edition: str
    etag: str

    def asset_key(self, at: Session) -> str:
        """The egress key of what describes it."""
        return f"{at.vod_prefix}{self.recording}/{self.edition}/asset.json"

    def has(self, edition: str) -> bool:
        """Whether this is that edition of the recording, or a later one."""
        return not is_later(edition, self.edition)


def read_shown(egress: Store, at: Session) -> Shown | None:
    """What an asset shows, None while there is no master; blocks."""
    try:
        data, stat = egress.get_bytes(at.master_key)
    except NotFoundError:
        return None
    recording, _, playlist = variant_uris(data.decode())[0].split("/")
    return Shown(recording, playlist.removesuffix(".m3u8"), stat.etag)


def settle(egress: Store, plan: Plan, at: Session, session: Session, edition: str) -> Asset:
    """Decide which recording the asset shows, and make everything agree with that."""
    if not _claim(egress, plan, at, session, edition):
        log.info("%s: the asset %s already shows a recording as long", session.path, at.path)
        remove_unless_shown(egress, at, session)
    while True:
        shown = read_shown(egress, at)
        if shown is None:
            raise NotFoundError(f"{at.master_key} was removed meanwhile")
        asset = Asset.model_validate_json(egress.get_bytes(shown.asset_key(at))[0])
        egress.copy(shown.asset_key(at), at.asset_key)
        list_asset(egress, asset)
        # Only now: who was overtaken while writing has written what was true before.
        again = read_shown(egress, at)
        if again and again.etag == shown.etag:
            return asset


def _claim(egress: Store, plan: Plan, at: Session, session: Session, edition: str) -> bool:
    """Make the master ours, unless it shows a later edition of ours, or another recording that is as long (within a
    second)."""
    master = plan.master.encode()
    for _ in range(TRIES):
        shown = read_shown(egress, at)
        if shown is None:
            if egress.put_bytes(at.master_key, master, if_absent=True):
                return True
            continue
        if shown.recording == session.id:
            # What viewers of an earlier edition need stays where it is.
            if shown.has(edition) or egress.put_bytes(at.master_key, master, if_match=shown.etag):
                return True
            continue
        there = Asset.model_validate_json(egress.get_bytes(shown.asset_key(at))[0])
        if plan.asset.duration_s <= there.duration_s + SAME_LENGTH_S:
            return False
        if egress.put_bytes(at.master_key, master, if_match=shown.etag):
            remove_unless_shown(egress, at, Session(at.name, shown.recording))
            return True
    raise TemporaryError(f"{at.master_key} was rewritten by others {TRIES} times in a row")


def check_complete(egress: Store, plan: Plan, at: Session, session: Session) -> None:
    """TemporaryError when something of what an asset shows is gone: another recording was shown in between, and whoever
    took over was still removing ours."""
    there = {stat.key for stat in egress.list(f"{at.vod_prefix}{session.id}/")}
    targets = [*(target for _, target in plan.copies), *(move.target for move in plan.moves), *plan.texts]
    gone = [target for target in targets if target not in there]
    if gone:
        raise TemporaryError(f"{session.path}: {len(gone)} objects were removed meanwhile, first {gone[0]}")


def remove_unless_shown(egress: Store, at: Session, session: Session) -> None:
    """Remove the media of a session that the asset does not show."""
    shown = read_shown(egress, at)
    if shown is None or shown.recording != session.id:
        egress.delete_prefix(f"{at.vod_prefix}{session.id}/")
