"""Primary and backup record the same event: one asset comes of it, whole, whoever finishes first."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from panocast.layout import Session
from tests.integration.transcoder.site import Site, session_at
from tests.unit.transcoder.recordings import Watched

pytestmark = pytest.mark.slow
PRIMARY = session_at(0)
BACKUP = session_at(1, role="backup")


async def finish_in_order(site: Site, *recordings: tuple[Session, list[Path]]) -> None:
    """Both are in the store before either is finished; then the one first, then the other."""
    keys = [site.record(session, parts, announce=False) for session, parts in recordings]
    for some in keys:
        site.announce(*some)
        await site.work(concurrency=2)


def shown(site: Site) -> str:
    """The session whose media the asset shows."""
    return str(json.loads(site.egress.get_bytes(PRIMARY.asset_key)[0])["recording"])


@pytest.mark.parametrize("first", [PRIMARY, BACKUP])
async def test_two_alike_become_one_asset_named_after_the_earlier(
    site: Site, small_parts: list[Path], first: Session
) -> None:
    second = BACKUP if first == PRIMARY else PRIMARY
    await finish_in_order(site, (first, small_parts), (second, small_parts))
    assert site.masters() == [PRIMARY.master_key]
    assert shown(site) == first.id, "what is published and as long stays"
    assert len(site.check(PRIMARY).video[320].times_s) == 60  # minds what nobody names
    assert [entry["id"] for entry in site.catalog()] == [PRIMARY.path]


@pytest.mark.parametrize("first", [PRIMARY, BACKUP])
async def test_the_longer_one_is_shown(
    site: Site, small_parts: list[Path], card_parts: list[Path], first: Session
) -> None:
    """The primary died after two seconds: the backup's seven are what viewers get."""
    long, short = (BACKUP, card_parts), (PRIMARY, small_parts)
    await finish_in_order(site, *([short, long] if first == PRIMARY else [long, short]))
    assert site.masters() == [PRIMARY.master_key]
    assert shown(site) == BACKUP.id
    assert list(site.check(PRIMARY).video) == [640]
    (entry,) = site.catalog()
    assert entry["duration_s"] == pytest.approx(7, abs=0.1)


async def test_both_finished_at_the_same_moment_give_one_asset(site: Site, small_parts: list[Path]) -> None:
    for session in (PRIMARY, BACKUP):
        site.record(session, small_parts)
    await asyncio.gather(site.work(concurrency=2), site.work(concurrency=2))
    assert site.masters() == [PRIMARY.master_key]
    site.check(PRIMARY)
    assert len(site.catalog()) == 1
    assert site.queue.dead() == []


async def test_one_after_the_other_are_two_events(site: Site, small_parts: list[Path]) -> None:
    later = session_at(60, role="backup")
    await finish_in_order(site, (PRIMARY, small_parts), (later, small_parts))
    assert site.masters() == [PRIMARY.master_key, later.master_key]


async def test_other_streams_and_the_same_origin_are_other_events(site: Site, small_parts: list[Path]) -> None:
    other = session_at(1, role="backup", name="other")
    again = session_at(1)
    await finish_in_order(site, (PRIMARY, small_parts), (other, small_parts), (again, small_parts))
    assert len(site.masters()) == 3


@pytest.mark.parametrize("removed", ["", "320/0002-"])
async def test_what_a_rival_that_took_over_meanwhile_removed_is_put_back(
    site: Site, small_parts: list[Path], removed: str
) -> None:
    """It was replaced while it was still removing the media that it had replaced: ours."""
    egress = site.egress

    def remove() -> None:
        for stat in egress.list(f"{PRIMARY.vod_prefix}{PRIMARY.id}/{removed}"):
            egress.delete(stat.key)

    site.record(PRIMARY, small_parts)
    site.egress = Watched(egress, "put_bytes", remove, PRIMARY.master_key)
    await site.work(concurrency=2)
    site.egress = egress
    assert len(site.check(PRIMARY).video[320].times_s) == 60
    assert site.queue.dead() == []
