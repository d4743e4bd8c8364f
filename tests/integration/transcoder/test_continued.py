"""An encoder that comes back goes on with its recording: a longer asset takes the place of the one published before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from panocast.layout import PartKey, Session
from tests.integration.transcoder.site import Site, frames_of, session_at
from tests.unit.transcoder.recordings import Watched
from transcoder.encode import MEDIA_ORIGIN_S
from transcoder.event import read_done
from transcoder.markers import part_marker_key, part_prefix
from transcoder.part import transcode_part
from transcoder.restore import restore

pytestmark = pytest.mark.slow
SESSION = session_at(0)
BACKUP = session_at(1, role="backup")


async def publish_then_go_on(site: Site, parts: list[Path], session: Session = SESSION) -> dict[str, bytes]:
    """The first part alone is a recording at first, then all are; gives what was published in between."""
    site.record(session, parts[:1])
    await site.work(concurrency=2)
    published = {key: site.egress.get_bytes(key)[0] for key in site.keys("vod/")}
    site.announce(*site.record(session, parts, announce=False)[1:])
    await site.work(concurrency=2)
    return published


def attempts(site: Site) -> dict[str, str]:
    """Which attempt at each part the asset shows."""
    made = json.loads(site.egress.get_bytes(SESSION.done_key)[0])["made"]
    return {number: marker["attempt"] for number, marker in made.items()}


async def test_a_recording_that_goes_on_becomes_one_longer_asset(site: Site, card_parts: list[Path]) -> None:
    before = await publish_then_go_on(site, card_parts)
    asset = site.check(SESSION)
    expected = [MEDIA_ORIGIN_S + time for part in card_parts for time in frames_of(part)]
    assert asset.video[640].times_s == pytest.approx(sorted(expected), abs=0.001)
    (entry,) = site.catalog()
    assert entry["duration_s"] == pytest.approx(7, abs=0.1)
    changed = {SESSION.master_key, SESSION.asset_key, "vod/catalog.json"}
    for key, data in before.items():
        assert key in changed or site.egress.get_bytes(key)[0] == data, f"who watches the shorter one needs {key}"
    assert site.queue.dead() == []


async def test_what_is_published_is_not_encoded_again(site: Site, card_parts: list[Path]) -> None:
    site.record(SESSION, card_parts[:1])
    await site.work()
    first = attempts(site)
    assert await transcode_part(site.place(), PartKey(SESSION, 1)) is None
    site.announce(*site.record(SESSION, card_parts[:2], announce=False)[1:])
    await site.work()
    assert list(attempts(site)) == ["1", "2"]
    assert attempts(site)["1"] == first["1"]


async def test_parts_that_come_before_the_shorter_asset_is_out_are_kept(site: Site, card_parts: list[Path]) -> None:
    """The encoder is back so soon that its next part is transcoded while the first asset is still made."""
    site.record(SESSION, card_parts[:1], announce=False)
    for number, part in enumerate(card_parts, 1):
        site.ingest.put_file(SESSION.part_key(number), part)
        assert await transcode_part(site.place(), PartKey(SESSION, number))
    site.announce(SESSION.end_key)
    await site.work()
    assert site.check_published(SESSION).description["duration_s"] == pytest.approx(2.5, abs=0.6)
    assert [key for key in site.keys("work/") if key.endswith(("0002.json", "0003.json"))]


async def test_a_recording_whose_media_gave_way_to_a_longer_one_can_still_go_on(
    site: Site, card_parts: list[Path]
) -> None:
    site.record(SESSION, card_parts[:1])
    await site.work()
    site.record(BACKUP, card_parts[:2])
    await site.work()
    site.announce(*site.record(SESSION, card_parts, announce=False)[1:])
    await site.work()
    asset = site.check(SESSION)
    assert asset.description["recording"] == SESSION.id
    assert asset.description["duration_s"] == pytest.approx(7, abs=0.1)
    assert site.queue.dead() == []


async def test_a_finish_that_meets_the_clear_up_of_the_shorter_recording_is_not_the_last(
    site: Site, card_parts: list[Path]
) -> None:
    """Whoever published the shorter one is still removing what the longer one needs, too."""
    site.record(SESSION, card_parts[:1])
    await site.work()
    done = read_done(site.egress, SESSION)
    assert done is not None
    await restore(site.place(), SESSION, done)
    site.record(SESSION, card_parts, announce=False)
    for number in (2, 3):
        assert await transcode_part(site.place(), PartKey(SESSION, number))
    egress = site.egress

    def clear_up() -> None:
        egress.delete_prefix(part_prefix(SESSION, 1))
        egress.delete(part_marker_key(SESSION, 1))

    site.egress = Watched(egress, "get_bytes", clear_up, part_marker_key(SESSION, 1))
    site.announce(SESSION.end_key)
    await site.work()
    site.egress = egress
    assert site.check(SESSION).description["duration_s"] == pytest.approx(7, abs=0.1)
