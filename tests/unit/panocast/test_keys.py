"""Stream keys and the secret they come from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panocast.errors import UsageError
from panocast.keys import key_matches, load_secret, stream_key

SECRET = b"0123456789abcdef"


@given(st.text(max_size=80))
def test_a_key_opens_its_own_name(name: str) -> None:
    key = stream_key(SECRET, name)
    assert key_matches(SECRET, name, key)
    assert len(key) == 32
    assert key.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_key_opens_no_other_name(name: str, other: str) -> None:
    assert key_matches(SECRET, other, stream_key(SECRET, name)) == (name == other)


@given(st.text(max_size=40))
def test_no_other_text_is_a_key(text: str) -> None:
    assert not key_matches(SECRET, "cam", text)
    assert not key_matches(SECRET, "cam", stream_key(SECRET, "cam") + (text or "x"))


def test_another_secret_makes_other_keys() -> None:
    assert stream_key(SECRET, "cam") != stream_key(SECRET[::-1], "cam")


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    secret = load_secret(path)
    assert len(secret) >= 32
    assert load_secret(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_secret(tmp_path / "another") != secret


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short\n")
    with pytest.raises(UsageError, match="shorter than 16 bytes"):
        load_secret(tmp_path / "secret")


def test_where_it_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write the secret"):
        load_secret(tmp_path / "missing" / "secret")
