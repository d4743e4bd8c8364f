"""The names in a store, and the names that people choose."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panocast.errors import UsageError
from panocast.feed import SEGMENT_NAME
from panocast.layout import (
    SESSION_ID,
    EndKey,
    PartKey,
    Session,
    UploadKey,
    check_stream_name,
    failed_key,
    inner,
    is_stream_name,
    parse_ingest_key,
    safe_name,
    session_id,
    upload_session,
)

SESSION = Session("stage-1", "20261120T084641Z-primary")
NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)

# Any name that a file on Linux can have, as Python spells it.
file_names = (
    st.binary(min_size=1, max_size=255).filter(lambda name: b"/" not in name and b"\0" not in name).map(os.fsdecode)
)
stream_names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True)
sessions = st.builds(
    Session,
    stream_names,
    st.builds(
        session_id, st.datetimes(datetime(2000, 1, 1), timezones=st.just(UTC)), st.sampled_from(["primary", "backup"])
    ),
)


@pytest.mark.parametrize("name", ["a", "0", "stage-1", "x" * 64])
def test_legal_stream_names_are_taken(name: str) -> None:
    assert check_stream_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "-y", "A", "a b", "a.b", "..", "a/b", "$(id)", ".mp4", "x" * 65, "a\n", "\na", "ü", "a\0", "٣"]
)
def test_other_stream_names_are_refused(name: str) -> None:
    assert not is_stream_name(name)
    with pytest.raises(UsageError):
        check_stream_name(name)


@given(file_names)
def test_every_file_name_has_a_legal_safe_name(name: str) -> None:
    assert is_stream_name(safe_name(name))


@given(st.lists(file_names, min_size=2, max_size=2, unique=True))
def test_two_file_names_never_share_a_safe_name(names: list[str]) -> None:
    assert safe_name(names[0]) != safe_name(names[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [("a.mp4", "a.mov"), ("a.mp4", "A.mp4"), ("a b.mp4", "a-b.mp4"), ("ü.mp4", "u.mp4"), ("..", ".mp4")],
)
def test_file_names_that_look_alike_are_told_apart(one: str, other: str) -> None:
    assert safe_name(one) != safe_name(other)


def test_a_legal_name_is_kept() -> None:
    assert safe_name("my-event.mp4") == "my-event"
    assert safe_name("Mein Erlebnis 360°.mov").startswith("mein-erlebnis-360-")


@given(sessions, st.integers(1, 999_999))
def test_part_and_end_keys_are_read_back(session: Session, number: int) -> None:
    assert parse_ingest_key(session.part_key(number)) == PartKey(session, number)
    assert parse_ingest_key(session.end_key) == EndKey(session)


@given(sessions, st.integers(1, 9998))
def test_part_keys_sort_in_their_order(session: Session, number: int) -> None:
    assert session.part_key(number) < session.part_key(number + 1) < session.end_key


@given(st.text())
def test_any_text_is_read_as_a_key_or_as_none(key: str) -> None:
    for text in (key, f"uploads/{key}", f"recordings/{key}", f"recordings/a/{SESSION.id}/{key}"):
        parsed = parse_ingest_key(text)
        assert not isinstance(parsed, UploadKey) or parsed.key == text


@pytest.mark.parametrize(
    "key",
    [
        "",
        "uploads/",
        "uploads/folder/",
        "uploads/.hidden.mp4",
        "uploads/.hidden/a.mp4",
        "uploads/../recordings/a.mp4",
        f"recordings/-y/{SESSION.id}/0001.mp4",
        f"recordings/a/b/{SESSION.id}/0001.mp4",
        "recordings/a/20261120T084641Z-other/0001.mp4",
        f"recordings/a/{SESSION.id}/001.mp4",
        f"recordings/a/{SESSION.id}/0001.flv",
        f"recordings/a/{SESSION.id}/0001.mp4\n",
        f"recordings/a/{SESSION.id}/end.json.tmp",
    ],
)
def test_keys_that_mean_nothing_are_ignored(key: str) -> None:
    assert parse_ingest_key(key) is None


def test_everything_else_below_uploads_is_an_upload() -> None:
    for key in ("uploads/a.mp4", "uploads/any thing/at all.mov", "uploads/-y", "uploads/$(id)\n"):
        assert parse_ingest_key(key) == UploadKey(key)


def test_a_session_knows_its_place_role_and_start() -> None:
    assert SESSION.part_key(7) == "recordings/stage-1/20261120T084641Z-primary/0007.mp4"
    assert SESSION.master_key == "vod/stage-1/20261120T084641Z-primary/master.m3u8"
    assert SESSION.asset_key.startswith(SESSION.vod_prefix)
    assert SESSION.role == "primary"
    assert SESSION.started == datetime(2026, 11, 20, 8, 46, 41, tzinfo=UTC)
    with pytest.raises(UsageError):
        _ = Session("a", "yesterday").started


def test_a_session_id_is_in_utc() -> None:
    berlin = datetime(2026, 11, 20, 13, 0, 0, tzinfo=timezone(timedelta(hours=1)))
    assert session_id(berlin, "backup") == "20261120T120000Z-backup"


def test_the_same_upload_is_the_same_session_and_another_never() -> None:
    one = upload_session("uploads/a.mp4", "etag", NOON)
    assert one == upload_session("uploads/a.mp4", "etag", NOON)
    assert (one.name, one.role, one.started) == ("a", "upload", NOON)
    assert one != upload_session("uploads/a.mp4", "other etag", NOON)
    assert one != upload_session("uploads/folder/a.mp4", "etag", NOON)
    assert one != upload_session("uploads/a.mp4", "etag", NOON + timedelta(seconds=1))


@given(file_names)
def test_an_upload_of_any_name_has_a_session_whose_keys_are_read_back(name: str) -> None:
    session = upload_session(f"uploads/{name}", "etag", NOON)
    assert parse_ingest_key(session.part_key(1)) == PartKey(session, 1)


def test_a_failure_is_found_under_the_key_that_failed() -> None:
    assert failed_key("uploads/a b.mov") == "failed/uploads/a b.mov.json"


def test_a_pattern_inside_another_one_captures_nothing() -> None:
    name, session = (re.compile(inner(pattern)) for pattern in (SEGMENT_NAME, SESSION_ID))
    assert (name.groups, session.groups) == (0, 0)
    assert name.fullmatch("aaaaaaaa-100.m4s")
    assert session.fullmatch("20261120T084641123456Z-upload")
