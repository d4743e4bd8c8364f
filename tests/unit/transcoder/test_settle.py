"""One master wins: what viewers, the library and the description say is the same edition, whoever was quicker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from panocast.errors import TemporaryError
from panocast.layout import CATALOG, Session
from panocast.store import Store, open_store
from tests.unit.transcoder.recordings import BACKUP, SESSION, STARTED, Watched, end_marker, make_part, marker
from transcoder.markers import WholeMarker
from transcoder.publish import Plan, edition_of, is_later, plan_asset
from transcoder.settle import Shown, check_complete, read_shown, settle


@pytest.fixture
def egress(tmp_path: Path) -> Store:
    return open_store(tmp_path.as_uri())


def planned(egress: Store, parts: int, recording: Session = SESSION) -> Plan:
    """What a recording of so many parts publishes at the place of `SESSION`, stored but not shown."""
    made = {number: marker(number) for number in range(1, parts + 1)}
    for number in made:
        make_part(egress, number, recording)
    end, whole = end_marker(parts, recording), WholeMarker(attempt="w")
    plan = plan_asset(SESSION, recording, edition_of(parts), end, made, whole, STARTED)
    for source, target in plan.copies:
        egress.copy(source, target)
    for key, text in plan.texts.items():
        egress.put_bytes(key, text.encode())
    return plan


def show(egress: Store, plan: Plan, parts: int, recording: Session = SESSION) -> None:
    settle(egress, plan, SESSION, recording, edition_of(parts))


def said(egress: Store) -> tuple[str, float, float]:
    """The edition that is shown, its duration as its description says it, and as the library does."""
    shown = read_shown(egress, SESSION)
    assert shown is not None
    (entry,) = json.loads(egress.get_bytes(CATALOG)[0])["vod"]
    return shown.edition, json.loads(egress.get_bytes(SESSION.asset_key)[0])["duration_s"], entry["duration_s"]


@pytest.mark.parametrize("key", [CATALOG, SESSION.asset_key])
def test_who_is_overtaken_while_writing_leaves_what_the_quicker_one_wrote(egress: Store, key: str) -> None:
    show(egress, planned(egress, 1), 1)
    short, long = planned(egress, 2), planned(egress, 12)
    method = "get_bytes" if key == CATALOG else "copy"
    source = f"{SESSION.vod_prefix}{SESSION.id}/0002/asset.json"
    watched = Watched(egress, method, lambda: show(egress, long, 12), key if key == CATALOG else source)
    show(watched, short, 2)
    assert said(egress) == ("0012", 24.0, 24.0)


def test_the_ten_thousandth_part_comes_after_the_one_before_it(egress: Store) -> None:
    assert is_later(edition_of(10_000), than=edition_of(9_999))
    assert not is_later(edition_of(9_999), than=edition_of(10_000))
    assert not is_later(edition_of(7, 3), than=edition_of(7, 3))
    assert is_later(edition_of(7, 10_000), than=edition_of(7, 9_999))
    assert is_later(edition_of(7, 3), than=edition_of(7))
    shown = Shown(SESSION.id, edition_of(9_999), "etag")
    assert shown.has(edition_of(9_998, 20_000))
    assert not shown.has(edition_of(10_000))


def test_who_takes_over_removes_what_it_replaced(egress: Store) -> None:
    show(egress, planned(egress, 2), 2)
    show(egress, planned(egress, 12, BACKUP), 12, BACKUP)
    assert not list(egress.list(f"{SESSION.vod_prefix}{SESSION.id}/"))


def test_who_takes_over_keeps_what_has_taken_over_again(egress: Store) -> None:
    """The replaced recording has gone on: its longer edition is shown before its media are removed."""
    show(egress, planned(egress, 2), 2)
    longer = planned(egress, 24)
    rival = planned(egress, 12, BACKUP)
    watched = Watched(egress, "put_bytes", lambda: show(egress, longer, 24), SESSION.master_key)
    show(watched, rival, 12, BACKUP)
    assert said(egress) == ("0024", 48.0, 48.0)
    check_complete(egress, longer, SESSION, SESSION)


def test_a_published_asset_that_lacks_something_is_found(egress: Store) -> None:
    plan = planned(egress, 2)
    show(egress, plan, 2)
    check_complete(egress, plan, SESSION, SESSION)
    egress.delete(plan.copies[-1][1])
    with pytest.raises(TemporaryError, match=r"1 objects were removed meanwhile"):
        check_complete(egress, plan, SESSION, SESSION)
