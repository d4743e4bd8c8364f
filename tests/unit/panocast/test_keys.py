"""Stream keys and the secret they come from."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panocast.errors import TemporaryError, UsageError
from panocast.keys import StreamKeys, load_secret, stream_key

SECRET = b"0123456789abcdef"
KEYS = StreamKeys(SECRET, {}, Path("no-such-file"))


@given(st.text(max_size=80))
def test_a_key_opens_its_own_name(name: str) -> None:
    key = stream_key(SECRET, name)
    assert KEYS.matches(name, key)
    assert len(key) == 32
    assert key.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_key_opens_no_other_name(name: str, other: str) -> None:
    assert KEYS.matches(other, stream_key(SECRET, name)) == (name == other)


@given(st.text(max_size=40))
def test_no_other_text_is_a_key(text: str) -> None:
    assert not KEYS.matches("cam", text)
    assert not KEYS.matches("cam", stream_key(SECRET, "cam") + (text or "x"))


def test_another_secret_makes_other_keys() -> None:
    assert stream_key(SECRET, "cam") != stream_key(SECRET[::-1], "cam")


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    secret = load_secret(path)
    assert len(secret) >= 32
    assert load_secret(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_secret(tmp_path / "another") != secret


def test_those_who_make_the_secret_at_once_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        for number in range(30):
            folder = tmp_path / str(number)
            folder.mkdir()
            assert len(set(threads.map(load_secret, [folder / "secret"] * 8))) == 1
            assert [path.name for path in folder.iterdir()] == ["secret"]


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short\n")
    with pytest.raises(UsageError, match="shorter than 16 bytes"):
        load_secret(tmp_path / "secret")


def test_where_it_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write the secret"):
        load_secret(tmp_path / "missing" / "secret")


def test_a_renewed_key_opens_and_the_one_before_does_not_in_every_process_at_once(tmp_path: Path) -> None:
    keys, elsewhere = (StreamKeys(SECRET, {}, tmp_path / "keys.json") for _ in range(2))
    first, other = keys.key("cam"), keys.key("other")
    second = keys.renew("cam")
    assert [elsewhere.matches("cam", key) for key in (first, second)] == [False, True]
    third = elsewhere.renew("cam")
    assert [keys.matches("cam", key) for key in (first, second, third)] == [False, False, True]
    assert keys.matches("other", other)


def test_of_renewals_at_once_none_is_lost(tmp_path: Path) -> None:
    names = [f"cam{n}" for n in range(8)]
    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(lambda name: StreamKeys(SECRET, {}, tmp_path / "keys.json").renew(name), names))
    keys = StreamKeys(SECRET, {}, tmp_path / "keys.json")
    assert [name for name in names if keys.matches(name, stream_key(SECRET, name))] == []


def test_a_renewal_is_on_the_disk_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut cannot be had here; the order of the calls that survive one can."""
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watch_fsync(descriptor: int) -> None:
        calls.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        fsync(descriptor)

    def watch_replace(source: Path, target: Path) -> None:
        calls.append(f"{source.name} is {target.name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watch_fsync)
    monkeypatch.setattr(os, "replace", watch_replace)
    StreamKeys(SECRET, {}, tmp_path / "keys.json").renew("cam")
    assert calls == ["sync keys.new", "keys.new is keys.json", f"sync {tmp_path.name}"]


def test_the_settings_may_be_ahead_of_what_was_renewed_here_and_the_other_way_round(tmp_path: Path) -> None:
    keys = StreamKeys(SECRET, {"cam": 3}, tmp_path / "keys.json")
    assert keys.key("cam") == stream_key(SECRET, "cam", 3)
    assert keys.renew("cam") == stream_key(SECRET, "cam", 4)


def test_where_nobody_can_say_which_keys_are_valid_none_is(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"cam": 0}', '{"cam": "2"}'):
        (tmp_path / "keys.json").write_text(text)
        with pytest.raises(TemporaryError, match=r"keys\.json cannot be read.*[Rr]estore it, or remove it"):
            StreamKeys(SECRET, {}, tmp_path / "keys.json").matches("cam", stream_key(SECRET, "cam"))
