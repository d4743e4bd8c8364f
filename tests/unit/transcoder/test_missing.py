from __future__ import annotations

import os
from pathlib import Path

import pytest

from panocast.layout import EndKey, PartKey, Session, failed_key, upload_session
from panocast.queue import open_queue
from panocast.recording import EndMarker
from panocast.settings import TranscoderSettings
from panocast.store import Store, open_store
from transcoder.event import note_done, now
from transcoder.jobs import Job
from transcoder.late import NotYetError, give_up_late_parts
from transcoder.markers import PartMarker, part_marker_key
from transcoder.missing import missing_keys, uncut_uploads, unfinished
from transcoder.part import read_part_marker
from transcoder.workplace import Workplace

ONE = Session("cam", "20261120T084641Z-primary")
TWO = Session("cam", "20261120T094641Z-primary")


@pytest.fixture
def ingest(tmp_path: Path) -> Store:
    return open_store((tmp_path / "ingest").as_uri())


@pytest.fixture
def egress(tmp_path: Path) -> Store:
    return open_store((tmp_path / "egress").as_uri())


def record(ingest: Store, session: Session, *numbers: int, counted: int | None = None) -> None:
    for number in numbers:
        ingest.put_bytes(session.part_key(number), b"a part")
    if counted is not None:
        end = EndMarker(
            name=session.name, session=session.id, parts=counted, duration_s=9, started=now(), origin="primary"
        )
        ingest.put_bytes(session.end_key, end.model_dump_json().encode())


def mark(egress: Store, session: Session, *numbers: int) -> None:
    for number in numbers:
        egress.put_bytes(part_marker_key(session, number), PartMarker(attempt="a").model_dump_json().encode())


def test_what_has_no_marker_needs_a_job(ingest: Store, egress: Store) -> None:
    record(ingest, ONE, 1, 2, 3, counted=3)
    mark(egress, ONE, 2)
    assert missing_keys(ingest, egress) == [ONE.part_key(1), ONE.part_key(3), ONE.end_key]


def test_an_open_session_needs_its_parts_only(ingest: Store, egress: Store) -> None:
    record(ingest, ONE, 1, 2)
    assert missing_keys(ingest, egress) == [ONE.part_key(1), ONE.part_key(2)]


def test_a_closed_one_with_every_marker_needs_its_finish(ingest: Store, egress: Store) -> None:
    record(ingest, ONE, 1, 2, counted=2)
    mark(egress, ONE, 1, 2)
    assert missing_keys(ingest, egress) == [ONE.end_key]


def test_what_is_done_or_failed_for_good_needs_nothing(ingest: Store, egress: Store) -> None:
    record(ingest, ONE, 1, counted=1)
    note_done(egress, ONE, ONE, {1: PartMarker(attempt="a")})
    record(ingest, TWO, 1)
    egress.put_bytes(failed_key(TWO.part_key(1)), b"{}")
    ingest.put_bytes("uploads/x.mp4", b"text")
    egress.put_bytes(failed_key("uploads/x.mp4"), b"{}")
    assert missing_keys(ingest, egress) == []


def test_a_recording_that_goes_on_after_it_was_done_needs_its_new_parts(ingest: Store, egress: Store) -> None:
    record(ingest, ONE, 1, counted=1)
    note_done(egress, ONE, ONE, {1: PartMarker(attempt="a")})
    record(ingest, ONE, 1, 2, counted=2)
    assert missing_keys(ingest, egress) == [ONE.part_key(2), ONE.end_key]
    note_done(egress, ONE, ONE, {number: PartMarker(attempt="a") for number in (1, 2)})
    note_done(egress, ONE, ONE, {1: PartMarker(attempt="a")})  # a worker that was slow
    assert missing_keys(ingest, egress) == []


def test_an_upload_needs_a_job_until_it_is_cut(ingest: Store, egress: Store) -> None:
    ingest.put_bytes("uploads/7f/a b.mp4", b"video")
    assert list(uncut_uploads(ingest)) == missing_keys(ingest, egress) == ["uploads/7f/a b.mp4"]
    stat = ingest.stat("uploads/7f/a b.mp4")
    assert stat is not None
    session = upload_session(stat.key, stat.etag, stat.modified)
    record(ingest, session, 1, counted=1)
    assert list(uncut_uploads(ingest)) == []
    assert missing_keys(ingest, egress) == [session.part_key(1), session.end_key]


def test_it_says_in_words_what_a_session_waits_for(ingest: Store, egress: Store) -> None:
    record(ingest, ONE, 1, 3, counted=4)
    mark(egress, ONE, 1)
    record(ingest, TWO, 1)
    first, second = unfinished(ingest, egress)
    assert first.in_words() == f"{ONE.path}: 1 of 4 parts transcoded; parts 2, 4 have not arrived"
    assert second.in_words().startswith(f"{TWO.path}: 0 of 1 parts transcoded; not closed yet, last heard of ")


def test_an_end_marker_that_makes_no_sense_is_left_to_its_job(ingest: Store, egress: Store) -> None:
    record(ingest, ONE, 1)
    ingest.put_bytes(ONE.end_key, b"{}")
    assert missing_keys(ingest, egress) == [ONE.part_key(1), ONE.end_key]


# --------------------------------------------------------------------------------------------- parts that never arrive


def place(ingest: Store, egress: Store, tmp_path: Path, patience_s: float) -> Workplace:
    queue = open_queue(f"sqlite://{tmp_path}/queue.db")
    return Workplace(ingest, egress, queue, TranscoderSettings(patience_s=patience_s), tmp_path / "scratch")


def end_job(looks: int = 0, counted: int = 2) -> Job:
    return Job(ONE.end_key, EndKey(ONE), looks=looks, counted=counted)


async def test_a_session_waits_for_a_part_and_says_so(ingest: Store, egress: Store, tmp_path: Path) -> None:
    record(ingest, ONE, 1, counted=2)
    with pytest.raises(NotYetError, match="part 2 has not arrived, of 2") as raised:
        await give_up_late_parts(place(ingest, egress, tmp_path, 900), ONE, end_job())
    assert raised.value.pause_s == 60


@pytest.mark.parametrize(("patience_s", "pause_s", "looks"), [(900, 60, 15), (86_400, 900, 96)])
async def test_it_waits_as_long_as_told_whatever_the_clock_says(
    ingest: Store, egress: Store, tmp_path: Path, patience_s: float, pause_s: float, looks: int
) -> None:
    record(ingest, ONE, 1, counted=2)
    os.utime(tmp_path / "ingest" / ONE.end_key, (0, 0))  # since 1970, says the clock
    here = place(ingest, egress, tmp_path, patience_s)
    with pytest.raises(NotYetError) as raised:
        await give_up_late_parts(here, ONE, end_job(looks - 1))
    assert raised.value.pause_s == pause_s
    assert await give_up_late_parts(here, ONE, end_job(looks))


async def test_a_recording_that_went_on_since_is_waited_for_as_long_again(
    ingest: Store, egress: Store, tmp_path: Path
) -> None:
    record(ingest, ONE, 1, 2, counted=3)
    with pytest.raises(NotYetError) as raised:
        await give_up_late_parts(place(ingest, egress, tmp_path, 900), ONE, end_job(looks=100, counted=2))
    again = raised.value.again
    assert (again.looks, again.counted) == (1, 3)


async def test_it_goes_on_without_it_after_a_while(ingest: Store, egress: Store, tmp_path: Path) -> None:
    record(ingest, ONE, 1, counted=2)
    here = place(ingest, egress, tmp_path, 0)
    assert await give_up_late_parts(here, ONE, end_job())
    found = await read_part_marker(here, PartKey(ONE, 2))
    assert found is not None
    assert "did not arrive" in (found[0].failed or "")
    assert await read_part_marker(here, PartKey(ONE, 1)) is None, "that one is still being worked on"


@pytest.mark.parametrize("state", ["open", "complete", "done"])
async def test_nothing_is_given_up_that_is_not_late(state: str, ingest: Store, egress: Store, tmp_path: Path) -> None:
    record(ingest, ONE, 1, counted=None if state == "open" else 2 if state == "done" else 1)
    if state == "done":
        note_done(egress, ONE, ONE, {number: PartMarker(attempt="a") for number in (1, 2)})
    assert not await give_up_late_parts(place(ingest, egress, tmp_path, 0), ONE, end_job())
    assert list(egress.list("work/")) == []
