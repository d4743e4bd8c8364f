"""An encoder that comes back while its shorter recording is still being finished: nothing is lost, or made twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from panocast.layout import EndKey, PartKey
from panocast.store import Store
from tests.unit.transcoder.recordings import SESSION, Watched, close, make_part, marker, publish_media, workplace
from transcoder.event import note_done, read_done
from transcoder.finish import clear, is_ready
from transcoder.jobs import Job, parse_message
from transcoder.late import NotYetError
from transcoder.markers import WholeMarker, part_marker_key, whole_marker_key
from transcoder.part import remove_part
from transcoder.restore import forget, restore
from transcoder.work import do
from transcoder.workplace import Workplace

END = Job(SESSION.end_key, EndKey(SESSION))


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return workplace(tmp_path)


def keys(store: Store, prefix: str = "work/") -> list[str]:
    return [stat.key for stat in store.list(prefix)]


def asked_for(place: Workplace) -> list[Job]:
    """Every job of the queue, taken."""
    jobs: list[Job] = []
    while message := place.queue.receive(wait_s=0, visibility_s=600):
        found = parse_message(message.body)
        assert isinstance(found, tuple)
        jobs += found
    return jobs


def shorter_is_done(place: Workplace, parts: int) -> None:
    note_done(place.egress, SESSION, SESSION, {number: marker(number) for number in range(1, parts + 1)})


async def test_what_is_done_is_cleared_up(place: Workplace) -> None:
    close(place.ingest, 2)
    for number in (1, 2):
        make_part(place.egress, number)
    whole = WholeMarker(attempt="w").model_dump_json().encode()
    place.egress.put_bytes(whole_marker_key(SESSION, "0002"), whole)
    place.egress.put_bytes(f"{SESSION.work_prefix}whole/w/poster.jpg", b"jpeg")
    shorter_is_done(place, 2)
    await clear(place, SESSION, 2)
    assert keys(place.egress) == []


async def test_a_later_part_that_comes_while_the_shorter_recording_is_cleared_up_stays(place: Workplace) -> None:
    close(place.ingest, 2)
    make_part(place.egress, 1)
    shorter_is_done(place, 2)
    egress = Watched(place.egress, "list", lambda: make_part(place.egress, 3))
    await clear(replace(place, egress=egress), SESSION, 2)
    assert all(key.startswith(f"{SESSION.work_prefix}0003") for key in keys(place.egress))
    assert part_marker_key(SESSION, 3) in keys(place.egress)


async def test_nothing_is_cleared_up_that_a_longer_recording_needs(place: Workplace) -> None:
    close(place.ingest, 3)
    for number in (1, 2, 3):
        make_part(place.egress, number)
    before = keys(place.egress)
    shorter_is_done(place, 2)
    await clear(place, SESSION, 2)
    assert keys(place.egress) == before


async def test_a_finish_that_meets_the_clear_up_of_the_shorter_one_is_done_again(place: Workplace) -> None:
    """The clear-up has begun before the end marker counted more, and removes a part that this finish has seen."""
    close(place.ingest, 3)
    shorter_is_done(place, 2)
    publish_media(place.egress, 1, 2)
    for number in (1, 2, 3):
        make_part(place.egress, number)
    key = part_marker_key(SESSION, 2)
    egress = Watched(place.egress, "get_bytes", lambda: remove_part(place.egress, SESSION, 2), key)
    with pytest.raises(NotYetError) as raised:
        await do(replace(place, egress=egress), END)
    assert raised.value.again == END, "neither a failure nor a look"
    done = read_done(place.egress, SESSION)
    assert done is not None
    assert await restore(place, SESSION, done) == {}
    assert set(keys(place.egress)) >= {part_marker_key(SESSION, number) for number in (1, 2, 3)}


async def test_what_a_marker_names_and_is_gone_is_put_back(place: Workplace) -> None:
    """Who cleared up was killed between a part's media and its marker, and the recording went on."""
    shorter_is_done(place, 2)
    publish_media(place.egress, 1, 2)
    for number in (1, 2):
        make_part(place.egress, number)
    before = keys(place.egress)
    place.egress.delete_prefix(f"{SESSION.work_prefix}0001/")
    done = read_done(place.egress, SESSION)
    assert done is not None
    forget(place.egress, SESSION, "0003", done.made)
    assert part_marker_key(SESSION, 2) in keys(place.egress), "of this one all is there"
    assert await restore(place, SESSION, done) == {}
    assert keys(place.egress) == before


@pytest.mark.parametrize("parts", [1, 8])
async def test_parts_whose_media_are_gone_are_asked_for_once_each(place: Workplace, parts: int) -> None:
    """On a fleet that takes every job at once."""
    close(place.ingest, parts + 1)
    shorter_is_done(place, parts)
    make_part(place.egress, parts + 1)
    await do(place, END)
    asked = asked_for(place)
    assert [job.at for job in asked] == [PartKey(SESSION, number) for number in range(1, parts + 1)]
    for job in asked:
        assert not await is_ready(place, SESSION)
        assert isinstance(job.at, PartKey)
        make_part(place.egress, job.at.number)
    assert await is_ready(place, SESSION)


async def test_several_finishes_at_once_leave_nothing_out(place: Workplace) -> None:
    close(place.ingest, 5)
    shorter_is_done(place, 4)
    publish_media(place.egress, 2, 4)
    make_part(place.egress, 5)
    await asyncio.gather(*(do(place, END) for _ in range(3)))
    assert {job.at for job in asked_for(place)} == {PartKey(SESSION, 1), PartKey(SESSION, 3)}
    done = read_done(place.egress, SESSION)
    assert done is not None
    assert (done.parts, list(done.made)) == (4, [2, 4])
