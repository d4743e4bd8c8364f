"""Which recordings show the same event."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from panocast.layout import Session
from tests.unit.transcoder.recordings import BACKUP, SESSION, close, marker, workplace
from transcoder.event import Recording, asset_place, belong_together, note_done, partners


def recording(role: str, start_s: float, end_s: float) -> Recording:
    return Recording(Session("cam", f"20261120T0846{int(start_s):02d}Z-{role}"), start_s, end_s)


def test_a_primary_and_its_backup_belong_together() -> None:
    assert belong_together(recording("primary", 0, 600), recording("backup", 1, 600.5))


def test_a_primary_that_died_belongs_to_the_backup_that_covers_it() -> None:
    backup = recording("backup", 1, 600)
    before, after = recording("primary", 0, 100), recording("primary", 110, 600)
    assert belong_together(before, backup)
    assert belong_together(after, backup)
    assert partners(before.session, [before, backup, after]) == [backup.session]
    assert partners(backup.session, [before, backup, after]) == [before.session, after.session]


def test_recordings_that_each_show_something_else_stay_apart() -> None:
    """Both origins died once: dropping either recording would lose a part of the event."""
    assert not belong_together(recording("backup", 0, 300), recording("primary", 110, 600))


def test_the_end_of_one_and_the_start_of_the_next_are_two_events() -> None:
    assert not belong_together(recording("backup", 1, 104), recording("primary", 103, 200))


def test_short_ones_that_merely_touch_are_two_events() -> None:
    assert not belong_together(recording("primary", 0, 4), recording("backup", 3, 7))


def test_the_same_origin_never_records_an_event_twice() -> None:
    assert not belong_together(recording("primary", 0, 60), recording("primary", 1, 60))
    assert not belong_together(recording("upload", 0, 60), recording("backup", 1, 60))


def test_an_event_stays_where_it_was_published_when_its_recording_goes_on(tmp_path: Path) -> None:
    """The backup was published alone; the primary, which began earlier, turned up before it went on."""
    place = workplace(tmp_path)
    for session in (SESSION, BACKUP):
        close(place.ingest, 5, session)
    assert asset_place(place.ingest, place.egress, BACKUP) == SESSION
    note_done(place.egress, BACKUP, BACKUP, {1: marker(1)})
    assert asset_place(place.ingest, place.egress, BACKUP) == BACKUP
    assert asset_place(place.ingest, place.egress, SESSION) == BACKUP


times = st.floats(0, 1000)


@given(times, times, times, times)
def test_belonging_together_is_mutual(a: float, b: float, c: float, d: float) -> None:
    one, other = recording("primary", min(a, b), max(a, b)), recording("backup", min(c, d), max(c, d))
    assert belong_together(one, other) == belong_together(other, one)
