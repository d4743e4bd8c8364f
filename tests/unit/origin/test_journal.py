"""What the agent must not forget survives, whole; each session has a name of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

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
