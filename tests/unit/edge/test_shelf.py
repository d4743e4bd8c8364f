import gzip
import os
import time
from pathlib import Path

import pytest

from edge.shelf import Shelf
from tests.unit.edge.simulation import INIT
from tests.unit.edge.test_window import FILE, filled


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path)
    shelf.create()
    return shelf


def stock(shelf: Shelf, name: str = "cam", target_duration_s: int = 1) -> None:
    """Put a window's files in place, and save it."""
    window = filled(range(3))
    window.name, window.target_duration_s = name, target_duration_s
    for width in (1920, 640):
        shelf.put(f"{name}_{width}/{INIT}", b"init")
        for number in range(3):
            shelf.put(f"{name}_{width}/aaaaaaaa-{number}.m4s", bytes(FILE.size))
    shelf.put_all({f"{name}_640/index.m3u8": "#EXTM3U", f"{name}.m3u8": "#EXTM3U"})
    shelf.save(window)


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_what_was_saved_is_gone_on_from_and_everything_else_is_removed(shelf: Shelf) -> None:
    stock(shelf)
    before = files(shelf.root)
    shelf.put("old_640/aaaaaaaa-1.m4s", b"x")
    shelf.put_all({"old.m3u8": "x", "old_640/index.m3u8": "x"})
    (shelf.root / "state/broken.json").write_text("{")
    shelf.put("broken.m3u8", b"x")
    assert [window.name for window in shelf.saved()] == ["cam"]
    assert files(shelf.root) == before


def test_a_stream_whose_files_are_gone_is_forgotten(shelf: Shelf) -> None:
    stock(shelf)
    shelf.remove(["cam_640/aaaaaaaa-1.m4s", "never/was-there.m4s"])
    assert shelf.saved() == []
    assert files(shelf.root) == set()


@pytest.mark.parametrize(("file", "left"), [("aaaaaaaa-1.m4s", 0), ("aaaaaaaa-2.m4s", FILE.size - 1), (INIT, 0)])
def test_a_stream_whose_files_lost_their_bytes_in_a_power_cut_is_forgotten(shelf: Shelf, file: str, left: int) -> None:
    stock(shelf)
    os.truncate(shelf.root / "hls/cam_640" / file, left)
    assert shelf.saved() == []
    assert files(shelf.root) == set()


def test_what_was_shown_yesterday_is_forgotten(shelf: Shelf) -> None:
    stock(shelf, "old")
    stock(shelf, "new")
    yesterday = time.time() - 86_400
    for path in shelf.root.rglob("*old*"):
        os.utime(path, (yesterday, yesterday))
    assert [window.name for window in shelf.saved()] == ["new"]
    assert not [path for path in files(shelf.root) if "old" in path]


def test_a_playlist_lies_beside_its_compressed_form_and_takes_it_along(shelf: Shelf) -> None:
    shelf.put_all({"cam_640/index.m3u8": "#EXTM3U"})
    folder = shelf.root / "hls/cam_640"
    assert gzip.decompress((folder / "index.m3u8.gz").read_bytes()) == (folder / "index.m3u8").read_bytes()
    shelf.remove(["cam_640/index.m3u8"])
    assert files(shelf.root) == set()


def test_clearing_a_stream_leaves_those_whose_names_begin_alike(shelf: Shelf) -> None:
    stock(shelf, "cam")
    stock(shelf, "cam-2")
    shelf.clear("cam")
    assert {path.removeprefix("hls/").removeprefix("state/")[:5] for path in files(shelf.root)} == {"cam-2"}


def test_a_file_appears_whole_and_leaves_nothing_else(shelf: Shelf) -> None:
    shelf.put("cam_640/aaaaaaaa-1.m4s", b"one")
    shelf.put("cam_640/aaaaaaaa-1.m4s", b"two")
    assert shelf.has("cam_640/aaaaaaaa-1.m4s")
    assert not shelf.has("cam_640")
    assert files(shelf.root) == {"hls/cam_640/aaaaaaaa-1.m4s"}
