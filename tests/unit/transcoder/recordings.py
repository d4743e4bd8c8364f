"""Recordings whose parts are transcoded, without a picture in them: what workers tell each other is all there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from panocast.layout import Session, session_id
from panocast.queue import open_queue
from panocast.recording import EndMarker
from panocast.settings import TranscoderSettings
from panocast.store import Store, open_store
from transcoder.markers import PartMarker, RungRendition, SegmentFile, part_attempt_prefix, part_marker_key
from transcoder.workplace import Workplace

STARTED = datetime(2026, 11, 20, 8, 46, 41, tzinfo=UTC)
SESSION = Session("cam", session_id(STARTED, "primary"))
BACKUP = Session("cam", session_id(STARTED.replace(second=42), "backup"))
DIGEST = "d" * 16


def marker(number: int) -> PartMarker:
    """A part of two seconds, one segment of one rung."""
    segment = SegmentFile(name="00000.m4s", duration_s=2.0, size=4)
    rung = RungRendition(
        folder="640", init_digest=DIGEST, init_size=4, codecs="avc1.640020", segments=(segment,), width=640, height=320
    )
    return PartMarker(attempt="aaa", start_s=2.0 * (number - 1), end_s=2.0 * number, frames=60, rungs=(rung,))


def make_part(egress: Store, number: int, session: Session = SESSION) -> None:
    """What a part job leaves."""
    prefix = part_attempt_prefix(session, number, "aaa")
    egress.put_bytes(f"{prefix}640/init.mp4", b"init")
    egress.put_bytes(f"{prefix}640/00000.m4s", b"segm")
    egress.put_bytes(part_marker_key(session, number), marker(number).model_dump_json().encode())


def publish_media(egress: Store, *numbers: int, session: Session = SESSION) -> None:
    """The media of parts as an asset at their session's place shows them."""
    folder = f"{session.vod_prefix}{session.id}/640/"
    egress.put_bytes(f"{folder}init-{DIGEST}.mp4", b"init")
    for number in numbers:
        egress.put_bytes(f"{folder}{number:04d}-00000.m4s", b"segm")


def close(ingest: Store, parts: int, session: Session = SESSION) -> None:
    """Parts in the ingest store, and the end marker that counts them."""
    for number in range(1, parts + 1):
        ingest.put_bytes(session.part_key(number), b"x")
    ingest.put_bytes(session.end_key, end_marker(parts, session).model_dump_json().encode())


def end_marker(parts: int, session: Session = SESSION) -> EndMarker:
    """The end of a recording of so many parts."""
    return EndMarker(
        name=session.name,
        session=session.id,
        parts=parts,
        duration_s=2.0 * parts,
        started=STARTED,
        origin=session.role,  # type: ignore[arg-type]
    )


def workplace(root: Path, **settings: Any) -> Workplace:
    """A place to work in, on this machine."""
    ingest, egress = (open_store((root / name).as_uri()) for name in ("ingest", "egress"))
    queue = open_queue(f"sqlite://{root}/queue.db")
    own = TranscoderSettings(**{"fence": "off", "disk_free_mb": 0, **settings})
    return Workplace(ingest, egress, queue, own, root / "scratch")


class Watched:
    """A store in which something else happens, once, right after a call of `method` on `key` (or on anything)."""

    def __init__(self, store: Store, method: str, happens: Callable[[], object], key: str | None = None) -> None:
        self._store, self._method, self._happens, self._key = store, method, happens, key
        self._over = False

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        if name != self._method:
            return call

        def watched(key: str, *args: Any, **options: Any) -> Any:
            found = call(key, *args, **options)
            if name == "list":
                found = iter(list(found))
            if not self._over and self._key in (None, key):
                self._over = True
                self._happens()
            return found

        return watched
