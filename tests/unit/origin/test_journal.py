"""What the agent must not forget survives, whole; each session has a name of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from origin.clock import Beat
from origin.journal import Journal

NOW = datetime(2026, 11, 20, 8, 46, 41, 500_000, tzinfo=UTC)


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "primary")
    record = journal.begin("cam", 100, 7, NOW)
    assert (record.session, record.started) == ("20261120T084641Z-primary", NOW)
    later = record.model_copy(update={"parts": 3, "tail": Beat(video_ms=(1, 2))})
    journal.save(later)
    assert Journal(tmp_path, "primary").sessions() == {"cam": [later]}
    journal.forget(later)
    journal.forget(later)
    assert journal.sessions() == {}


def test_sessions_of_one_second_get_names_of_their_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "backup")
    records = [journal.begin("cam", 100, client, NOW) for client in range(3)]
    assert [record.session for record in records] == [
        "20261120T084641Z-backup", "20261120T084642Z-backup", "20261120T084643Z-backup",
    ]  # fmt: skip


def test_a_closed_session_does_not_give_its_name_away(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "primary")
    first = journal.begin("cam", 100, 1, NOW)
    journal.forget(first)
    assert journal.begin("cam", 100, 2, NOW + timedelta(milliseconds=300)).session != first.session


def test_sessions_come_in_the_order_they_began(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "primary")
    for seconds in (30, 0, 90):
        journal.begin("cam", 100, seconds, NOW + timedelta(seconds=seconds))
    assert [record.client for record in journal.sessions()["cam"]] == [0, 30, 90]


def test_a_broken_file_is_set_aside(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "primary")
    record = journal.begin("cam", 100, 7, NOW)
    file = tmp_path / "cam" / f"{record.session}.json"
    file.write_text("{")
    assert journal.sessions() == {}
    assert file.with_suffix(".broken").exists()


def journal_of_one_that_left(folder: Path) -> Journal:
    """A session whose last frame came at NOW + 10 s."""
    journal = Journal(folder, "primary", grace_s=60)
    record = journal.begin("cam", 100, 7, NOW)
    journal.update(record, parts=2, last_file=1, heard=NOW + timedelta(seconds=10))
    return journal


def test_who_comes_back_within_the_grace_time_goes_on(tmp_path: Path) -> None:
    journal = journal_of_one_that_left(tmp_path)
    back = NOW + timedelta(seconds=69)
    record = journal.resume("cam", 200, 3, now=back)
    assert record
    assert (record.session, record.nginx_pid, record.client) == ("20261120T084641Z-primary", 200, 3)
    assert journal.sessions() == {"cam": [record]}
    assert record.is_seam(int(back.timestamp()) + 1)
    assert record.heard
    assert not record.is_seam(int(record.heard.timestamp())), "the last of before"
    first = {"last_file": int(back.timestamp()) + 1, "heard": back + timedelta(seconds=9)}
    assert not record.model_copy(update=first).is_seam(int(back.timestamp()) + 9)


def test_who_comes_later_or_under_another_name_does_not(tmp_path: Path) -> None:
    journal = journal_of_one_that_left(tmp_path)
    assert journal.resume("cam", 100, 8, now=NOW + timedelta(seconds=71)) is None
    assert journal.resume("other", 100, 8, now=NOW + timedelta(seconds=20)) is None
    assert Journal(tmp_path, "primary").resume("cam", 100, 8, now=NOW + timedelta(seconds=20)) is None, "no grace time"


def test_what_is_not_stored_yet_counts_as_heard(tmp_path: Path) -> None:
    journal = journal_of_one_that_left(tmp_path)
    heard = NOW + timedelta(seconds=3000)
    assert journal.resume("cam", 100, 8, heard, now=heard + timedelta(seconds=20))


def test_a_change_keeps_what_somebody_else_changed_meanwhile(tmp_path: Path) -> None:
    journal = journal_of_one_that_left(tmp_path)
    (seen,) = journal.sessions()["cam"]
    journal.resume("cam", 100, 8, now=NOW + timedelta(seconds=20))
    changed = journal.update(seen, parts=3)
    assert (changed.parts, changed.client, len(changed.joined)) == (3, 8, 1)
    assert journal.sessions() == {"cam": [changed]}


def test_what_was_not_recorded_is_a_seam(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "primary")
    began = int(NOW.timestamp())
    record = journal.begin("cam", 100, 7, NOW).model_copy(update={"heard": NOW + timedelta(seconds=30)})
    assert not record.is_seam(began + 600), "nothing is stored that it could be a seam to"
    stored = record.model_copy(update={"parts": 1, "last_file": began})
    assert [stored.is_seam(began + after) for after in (30, 32, 34, 600)] == [False, False, True, True]


def test_a_session_that_cannot_be_read_now_is_not_thrown_away(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "primary")
    unreadable = tmp_path / "cam" / "20261120T084641Z-primary.json"
    unreadable.mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        journal.sessions()
    assert unreadable.exists()


def test_who_has_come_back_is_not_forgotten(tmp_path: Path) -> None:
    journal = journal_of_one_that_left(tmp_path)
    (left,) = journal.sessions()["cam"]
    back = journal.resume("cam", 100, 8, now=NOW + timedelta(seconds=20))
    journal.forget(left)
    assert journal.sessions() == {"cam": [back]}
