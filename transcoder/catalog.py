"""`vod/catalog.json`: what the library lists, newest first; every worker that publishes rewrites it by
compare-and-swap."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from panocast.errors import NotFoundError, TemporaryError
from panocast.layout import CATALOG, VOD
from panocast.projection import Projection, Stereo
from panocast.store import Store
from transcoder.publish import Asset

TRIES = 50


class Entry(BaseModel):
    """One asset as the library lists it; `url` and `poster` are relative to the edge."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    name: str
    title: str
    url: str
    poster: str | None
    duration_s: float
    published: datetime
    projection: Projection
    stereo: Stereo


class Catalog(BaseModel):
    """The list of all assets, newest first."""

    vod: tuple[Entry, ...] = ()

    def with_entry(self, entry: Entry) -> Catalog:
        """This catalog with `entry` in it, in place of an earlier one of the same asset."""
        entries = [entry, *(e for e in self.vod if e.id != entry.id)]
        return Catalog(vod=tuple(sorted(entries, key=lambda e: (e.published, e.id), reverse=True)))


def entry_of(asset: Asset) -> Entry:
    """How the library lists an asset."""
    base = f"/{VOD}{asset.id}/"
    return Entry(
        url=f"{base}master.m3u8",
        poster=base + asset.poster if asset.poster else None,
        **asset.model_dump(include={"id", "name", "title", "duration_s", "published", "projection", "stereo"}),
    )


def list_asset(egress: Store, asset: Asset, sleep: Callable[[float], None] = time.sleep) -> None:
    """Put an asset into the catalog; blocks. Raises TemporaryError when others keep rewriting it."""
    for _ in range(TRIES):
        catalog, etag = _read(egress)
        changed = catalog.with_entry(entry_of(asset))
        if etag is not None and changed == catalog:
            return
        data = changed.model_dump_json(indent=1).encode()
        if egress.put_bytes(CATALOG, data, if_absent=etag is None, if_match=etag):
            return
        sleep(random.uniform(0.01, 0.2))
    raise TemporaryError(f"{CATALOG} was rewritten by others {TRIES} times in a row")


def _read(egress: Store) -> tuple[Catalog, str | None]:
    try:
        data, stat = egress.get_bytes(CATALOG)
    except NotFoundError:
        return Catalog(), None
    try:
        return Catalog.model_validate_json(data), stat.etag
    except ValidationError:  # somebody edited it: the assets themselves know what belongs in it
        return _rebuilt(egress), stat.etag


def _rebuilt(egress: Store) -> Catalog:
    catalog = Catalog()
    for stat in egress.list(VOD):
        if stat.key.count("/") == 3 and stat.key.endswith("/asset.json"):
            catalog = catalog.with_entry(entry_of(Asset.model_validate_json(egress.get_bytes(stat.key)[0])))
    return catalog
