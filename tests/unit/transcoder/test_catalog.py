"""The catalog: newest first, one entry for an asset, nobody's entry lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from panocast.errors import TemporaryError
from panocast.layout import CATALOG, Session
from panocast.projection import Projection, Stereo
from panocast.recording import SourceInfo
from panocast.store import Store, open_store
from transcoder.catalog import Catalog, list_asset
from transcoder.publish import Asset


def asset(number: int, **changes: Any) -> Asset:
    session = Session("cam", f"20261120T0846{number:02d}Z-primary")
    values: dict[str, Any] = {
        "id": session.path, "name": session.name, "session": session.id, "recording": session.id, "title": "Cam",
        "duration_s": 60.0, "started": session.started, "published": datetime(2026, 11, 20, 9, number, tzinfo=UTC),
        "rungs": (), "audio_channels": 2, "projection": Projection.EQUIRECTANGULAR, "stereo": Stereo.MONO,
        "poster": f"{session.id}/poster.jpg", "source": SourceInfo(), "frames": 1800,
    }  # fmt: skip
    return Asset(**{**values, **changes})


@pytest.fixture
def egress(tmp_path: Path) -> Store:
    return open_store(tmp_path.as_uri())


def listed(egress: Store) -> list[str]:
    return [entry.id for entry in Catalog.model_validate_json(egress.get_bytes(CATALOG)[0]).vod]


def test_assets_are_listed_newest_first(egress: Store) -> None:
    for number in (2, 1, 3):
        list_asset(egress, asset(number))
    assert listed(egress) == [asset(number).id for number in (3, 2, 1)]


def test_an_asset_is_listed_once_as_it_is_now(egress: Store) -> None:
    list_asset(egress, asset(1))
    list_asset(egress, asset(1, duration_s=99.0))
    (entry,) = Catalog.model_validate_json(egress.get_bytes(CATALOG)[0]).vod
    assert entry.duration_s == 99.0
    assert entry.url == f"/vod/{entry.id}/master.m3u8"
    assert entry.poster == f"/vod/{entry.id}/{entry.id.partition('/')[2]}/poster.jpg"


def test_listing_again_what_is_listed_writes_nothing(egress: Store) -> None:
    list_asset(egress, asset(1))
    before = egress.stat(CATALOG)
    list_asset(egress, asset(1))
    assert egress.stat(CATALOG) == before


def test_many_workers_at_once_lose_no_entry(egress: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: list_asset(egress, asset(number)), range(24)))
    assert listed(egress) == [asset(number).id for number in reversed(range(24))]


def test_a_catalog_that_somebody_broke_is_made_again_from_the_assets(egress: Store) -> None:
    old = asset(1)
    egress.put_bytes(f"vod/{old.id}/asset.json", old.model_dump_json().encode())
    egress.put_bytes(CATALOG, b'{"vod": [')
    list_asset(egress, asset(2))
    assert listed(egress) == [asset(2).id, old.id]


class Contended:
    """A store in which somebody else is always quicker."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put_bytes(self, *_: Any, **__: Any) -> bool:
        return False


def test_a_catalog_that_others_keep_rewriting_is_tried_again_later(egress: Store) -> None:
    pauses: list[float] = []
    with pytest.raises(TemporaryError, match="rewritten by others"):
        list_asset(Contended(egress), asset(1), sleep=pauses.append)
    assert len(pauses) > 10
