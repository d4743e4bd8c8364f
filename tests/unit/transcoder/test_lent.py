"""A file that is read where it is: no copy, never somebody else's file, and whoever writes to it is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from panocast.errors import TemporaryError
from panocast.store import Store, open_store
from transcoder.lent import lend

KEY = "uploads/7f/a b.mp4"


@pytest.fixture
def ingest(tmp_path: Path) -> Store:
    store = open_store((tmp_path / "ingest").as_uri())
    store.put_bytes(KEY, b"a film")
    return store


def test_it_is_the_object_itself_and_stays_when_its_name_goes(ingest: Store, tmp_path: Path) -> None:
    lent = lend(ingest, KEY, tmp_path / "lent")
    assert lent is not None
    assert lent.stat == ingest.stat(KEY)
    assert (tmp_path / "lent").samefile(tmp_path / "ingest" / KEY)
    ingest.put_bytes(KEY, b"another film")
    assert lent.path.read_bytes() == b"a film"
    lent.check_unchanged()


def test_whoever_writes_to_it_meanwhile_is_noticed(ingest: Store, tmp_path: Path) -> None:
    theirs = tmp_path / "ingest" / "uploads" / "card.mp4"
    theirs.write_bytes(b"half")
    lent = lend(ingest, "uploads/card.mp4", tmp_path / "lent")
    assert lent is not None
    with theirs.open("ab") as file:
        file.write(b" and the rest")
    with pytest.raises(TemporaryError, match=r"uploads/card\.mp4 changed while it was read"):
        lent.check_unchanged()


def test_what_cannot_be_lent_leaves_nothing_behind(ingest: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    (tmp_path / "ingest" / "uploads" / "link.mp4").symlink_to(secret)
    assert lend(ingest, "uploads/link.mp4", tmp_path / "lent") is None
    assert lend(ingest, "uploads/nothing.mp4", tmp_path / "lent") is None
    assert lend(ingest, KEY, Path("/proc/self/lent")) is None, "another file system"
    assert not (tmp_path / "lent").exists()
