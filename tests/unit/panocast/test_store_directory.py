"""What the directory store promises beyond every store's contract (tests/integration/test_store_contract.py)."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panocast import folders
from panocast.errors import NotFoundError, TemporaryError, UsageError
from panocast.store import is_key, open_store
from panocast.store_directory import DirectoryStore

DAY_S = 86_400


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    return DirectoryStore(root)


def keys(store: DirectoryStore, prefix: str = "") -> list[str]:
    return [stat.key for stat in store.list(prefix)]


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, links included, but not the lock."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}


def drop(path: Path, content: bytes = b"dropped") -> None:
    """Put a file there as people do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


# -- names -------------------------------------------------------------------------------------------------------------

segments = st.one_of(
    st.sampled_from(["..", ".", "", ".tmp", "lock", "link", "a", "\0", "x" * 300]), st.text(max_size=20)
)
hostile_keys = st.lists(segments, min_size=1, max_size=6).map("/".join)


@given(hostile_keys, st.booleans())
def test_no_key_leads_out_of_the_root(key: str, absolute: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder) / "outside"
        drop(canary / "a")
        root = Path(folder) / "root"
        root.mkdir()
        (root / "link").symlink_to(canary)
        store = DirectoryStore(root)
        if absolute:
            key = f"{canary}/{key}"
        try:
            store.put_bytes(key, b"content")
            assert store.get_bytes(key)[0] == b"content"
            assert keys(store) == [key]
            store.delete(key)
        except (UsageError, NotFoundError):
            assert not is_key(key) or key.startswith("link")
        assert files(canary) == {"a": b"dropped"}
        assert sorted(path.name for path in Path(folder).iterdir()) == ["outside", "root"]
        assert keys(store) == []


@pytest.mark.parametrize("key", ["link/a", "folder/link/b", "link"])
def test_links_are_not_followed(store: DirectoryStore, root: Path, tmp_path: Path, key: str) -> None:
    outside = tmp_path / "outside"
    drop(outside / "a", b"secret")
    drop(root / "folder" / "mine")
    for where in (root, root / "folder"):
        (where / "link").symlink_to(outside)
    assert store.stat(key) is None
    for call in (lambda: store.get_bytes(key), lambda: store.copy(key, "copy")):
        with pytest.raises(NotFoundError):
            call()
    if key == "link":  # its place can be taken: the link is replaced, where it leads to is left alone
        (root / "link").unlink()
        (root / "link").symlink_to(outside / "a")
        assert store.stat(key) is None
        with pytest.raises(NotFoundError):
            store.get_bytes(key)
        store.put_bytes("link", b"new")
    else:
        with pytest.raises(UsageError, match="link"):
            store.put_bytes(key, b"new")
        store.delete(key)
    store.delete_prefix("link/")
    assert files(outside) == {"a": b"secret"}
    assert "folder/mine" in keys(store)
    assert not [k for k in keys(store) if k.startswith(("link/", "folder/link"))]


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "big disk").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "big disk")
    DirectoryStore(tmp_path / "root").put_bytes("a/b", b"content")
    assert (tmp_path / "big disk" / "a" / "b").read_bytes() == b"content"


def test_files_of_any_name_that_people_drop_are_objects(store: DirectoryStore, root: Path, tmp_path: Path) -> None:
    names = [b"\xff\xfe.mov", "ü 360°.mp4".encode(), b"-y", b"$(id)\n", b"x" * 255]
    for name in names:
        drop(root / "uploads" / os.fsdecode(name), name)
    found = keys(store, "uploads/")
    assert [os.fsencode(key) for key in found] == sorted(b"uploads/" + name for name in names)
    for key in found:
        assert store.get_bytes(key)[0] == os.fsencode(key).removeprefix(b"uploads/")
        store.get_file(key, tmp_path / "copy")
        store.copy(key, "work/copy")
        store.delete(key)
    assert keys(store, "uploads/") == []


def test_hidden_files_and_things_that_are_no_files_are_not_listed(store: DirectoryStore, root: Path) -> None:
    for name in (".DS_Store", ".hidden/a", "folder/.a.mov.part", "seen"):
        drop(root / "uploads" / name)
    os.mkfifo(root / "uploads" / "fifo")
    (root / "uploads" / "dangling").symlink_to("nowhere")
    deep = root
    for _ in range(5):
        deep = deep / ("x" * 250)
    drop(deep)
    assert keys(store) == keys(store, "up") == ["uploads/seen"]
    assert store.stat("uploads/fifo") is None


def test_a_narrow_prefix_reads_one_folder_only(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1/x", "a/1/y/z", "a/10/x", "a/2/x", "b/1/x"):
        store.put_bytes(name, b"")
    opened: list[str] = []
    scandir = os.scandir

    def watched(folder: int) -> object:
        opened.append(str(Path(f"/proc/self/fd/{folder}").readlink().relative_to(root)))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", watched)
    assert keys(store, "a/1") == ["a/1/x", "a/1/y/z", "a/10/x"]
    assert opened == ["a", "a/1", "a/1/y", "a/10"]
    opened.clear()
    assert keys(store, "a/1/") == ["a/1/x", "a/1/y/z"]
    assert opened == ["a/1", "a/1/y"]
    opened.clear()
    assert len(keys(store)) == 5
    assert ".tmp" not in opened


def test_listing_bears_files_that_come_and_go(store: DirectoryStore, root: Path) -> None:
    drop(root / "stays" / "z")
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for number in range(20):
                store.put_bytes(f"stays/{number}/file", b"")
            store.delete_prefix("stays/")
            drop(root / "stays" / "z")

    drop(root / "keeps" / "z")
    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(200):
            assert "keeps/z" in keys(store)
    finally:
        stop.set()
        thread.join()


def test_a_file_that_vanishes_while_listing_hides_no_other(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1", "a/2", "a/3"):
        drop(root / name)
    scandir = os.scandir

    def late(folder: int) -> AbstractContextManager[list[os.DirEntry[str]]]:
        with scandir(folder) as listing:
            found = list(listing)
        (root / "a" / found[0].name).unlink()
        return nullcontext(found)

    monkeypatch.setattr(os, "scandir", late)
    assert len(keys(store, "a/")) == 2


def test_a_folder_that_vanishes_while_listing_ends_there(store: DirectoryStore, root: Path) -> None:
    for name in ("a/1", "b/1", "c/1"):
        drop(root / name)
    listing = store.list("")
    assert next(listing).key == "a/1"
    (root / "b" / "1").unlink()
    (root / "b").rmdir()
    assert [stat.key for stat in listing] == ["c/1"]


def test_one_forbidden_folder_does_not_hide_the_others(store: DirectoryStore, root: Path) -> None:
    drop(root / "uploads" / "a" / "1")
    drop(root / "uploads" / "b" / "1")
    (root / "uploads" / "a").chmod(0)
    if os.access(root / "uploads" / "a", os.R_OK):
        pytest.skip("nothing is forbidden to root")
    assert keys(store) == ["uploads/b/1"]
    (root / "uploads" / "a").chmod(0o700)


# -- writing -----------------------------------------------------------------------------------------------------------


def test_what_the_store_wrote_is_read_only_and_for_everybody_to_read(store: DirectoryStore, root: Path) -> None:
    before = os.umask(0o022)
    try:
        store.put_bytes("a", b"")
    finally:
        os.umask(before)
    assert (root / "a").stat().st_mode & 0o777 == 0o444


def test_a_copy_shares_the_disk_space_of_what_we_wrote(store: DirectoryStore, root: Path) -> None:
    store.put_bytes("work/a", b"content")
    store.copy("work/a", "vod/a")
    store.copy("work/a", "vod/a")
    assert (root / "vod" / "a").samefile(root / "work" / "a")
    assert files(root / ".tmp") == {}


def test_a_copy_of_what_people_dropped_does_not_change_with_it(store: DirectoryStore, root: Path) -> None:
    drop(root / "uploads" / "a", b"before")
    store.copy("uploads/a", "work/a")
    with (root / "uploads" / "a").open("r+b") as file:
        file.write(b"after!")
    assert store.get_bytes("work/a")[0] == b"before"


def test_a_put_is_not_changed_by_its_source(store: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"before")
    store.put_file("a", tmp_path / "source")
    with (tmp_path / "source").open("r+b") as file:
        file.write(b"after!")
    assert store.get_bytes("a")[0] == b"before"


def test_the_etag_of_every_write_is_new() -> None:
    # In memory, where writes are quicker than the steps of the kernel's clock.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        store = DirectoryStore(Path(folder))
        stamps = set()
        for _ in range(300):
            store.put_bytes("a", b"same")
            stat = store.stat("a")
            assert stat is not None
            stamps.add(stat.etag.split("-")[1])  # the inode's number beside it may be used again
        assert len(stamps) == 300


def test_a_key_cannot_lie_below_an_object_or_replace_a_folder(store: DirectoryStore) -> None:
    store.put_bytes("a/b", b"")
    for key in ("a/b/c", "a"):
        with pytest.raises(UsageError, match="has no place"):
            store.put_bytes(key, b"")
    assert keys(store) == ["a/b"]


def test_an_object_that_somebody_writes_into_is_not_read_half(
    store: DirectoryStore, root: Path, tmp_path: Path
) -> None:
    drop(root / "uploads" / "a", b"first half")

    def read() -> None:
        with store._reading("uploads/a") as (file, _):
            assert file.read() == b"first half"
            with (root / "uploads" / "a").open("ab") as more:
                more.write(b", second half")

    with pytest.raises(TemporaryError, match="still being written"):
        read()
    store.get_file("uploads/a", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"first half, second half"


def test_files_are_synced_before_they_are_named_and_folders_after(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut cannot be had here; the order of the calls that survive one can."""
    store.put_bytes("old/a", b"")
    calls: list[str] = []
    fsync, rename, mkdir = os.fsync, os.rename, os.mkdir

    def watch_fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(root)
        calls.append("sync data" if path.parts[:1] == (".tmp",) else f"sync {path}")
        fsync(descriptor)

    def watch_rename(source: Path, target: str, *, dst_dir_fd: int) -> None:
        calls.append(f"name {target}")
        rename(source, target, dst_dir_fd=dst_dir_fd)

    def watch_mkdir(path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        if dir_fd is not None:
            calls.append(f"make {path}")
        mkdir(path, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "fsync", watch_fsync)
    monkeypatch.setattr(os, "rename", watch_rename)
    monkeypatch.setattr(os, "mkdir", watch_mkdir)
    store.put_bytes("old/new/a", b"")
    assert calls == ["sync data", "make new", "sync old", "name a", "sync old/new"]


INCREMENT = """
import sys
from pathlib import Path
from panocast.store_directory import DirectoryStore
store = DirectoryStore(Path(sys.argv[1]))
for _ in range(25):
    while True:
        data, stat = store.get_bytes("counter")
        if store.put_bytes("counter", str(int(data) + 1).encode(), if_match=stat.etag):
            break
"""


def test_compare_and_swap_holds_between_processes(store: DirectoryStore, root: Path) -> None:
    store.put_bytes("counter", b"0")
    processes = [subprocess.Popen([sys.executable, "-c", INCREMENT, root]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert store.get_bytes("counter")[0] == b"100"


def test_a_lock_that_is_never_given_back_is_an_error_in_words(tmp_path: Path) -> None:
    with folders.locked(tmp_path / "lock"), pytest.raises(TemporaryError, match=r"another process has held .*lock"):
        folders.locked(tmp_path / "lock", wait_s=0.1).__enter__()
    with folders.locked(tmp_path / "lock", wait_s=0.1):
        pass


# -- removing ----------------------------------------------------------------------------------------------------------


def test_delete_removes_emptied_folders_but_not_the_outermost(store: DirectoryStore, root: Path) -> None:
    for name in ("work/a/b/1", "work/c/1", "uploads/1"):
        store.put_bytes(name, b"")
    store.delete("work/a/b/1")
    store.delete("uploads/1")
    assert sorted(p.name for p in root.iterdir()) == [".tmp", "uploads", "work"]
    assert [p.name for p in (root / "work").iterdir()] == ["c"]


def test_deleting_the_last_object_of_a_folder_loses_no_put_into_it(store: DirectoryStore) -> None:
    def write(who: int) -> None:
        for number in range(100):
            assert store.put_bytes(f"a/b/c/{who}-{number}", b"content", if_absent=number % 2 == 0)
            assert store.get_bytes(f"a/b/c/{who}-{number}")[0] == b"content"
            store.delete(f"a/b/c/{who}-{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert keys(store) == []


def test_an_earlier_lifes_leftovers_are_removed_and_running_writers_spared(root: Path) -> None:
    drop(root / ".tmp" / "leftover")
    drop(root / ".tmp" / "lock")
    running = DirectoryStore(root)
    with running._temporary() as file:
        file.write(b"still being written")
        tomorrow = DirectoryStore(root, now=lambda: time.time() + DAY_S + 60)
        tomorrow.put_bytes("a", b"")
        assert files(root / ".tmp").keys() == {Path(file.name).name}
    drop(root / ".tmp" / "recent")
    DirectoryStore(root).put_bytes("b", b"")
    assert files(root / ".tmp").keys() == {"recent"}


WRITER = """
import sys
from pathlib import Path
from panocast.store_directory import DirectoryStore
store = DirectoryStore(Path(sys.argv[1]))
for number in range(1_000_000):
    content = (b"%d " % number) * 20_000
    store.put_bytes("replaced", content)
    store.put_bytes(f"new/{number}", content)
    print(number, flush=True)
"""


@pytest.mark.slow
def test_kill_9_in_the_middle_of_writes_leaves_whole_objects_only(store: DirectoryStore, root: Path) -> None:
    for life in range(5):
        process = subprocess.Popen([sys.executable, "-c", WRITER, root], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(10):
            process.stdout.readline()
        time.sleep(0.003 * life)
        process.send_signal(signal.SIGKILL)
        last = int((["9", *process.stdout.read().split()])[-1])
        process.wait()
        assert len(keys(store, "new/")) in (last + 1, last + 2)
        for stat in store.list(""):
            words = store.get_bytes(stat.key)[0].split()
            assert len(words) == 20_000
            assert len(set(words)) == 1
        store.delete_prefix("new/")


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    disk = tmp_path / "tiny"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_temporary_in_words_and_leaves_nothing_behind(tiny: Path, tmp_path: Path) -> None:
    store = DirectoryStore(tiny / "root")
    store.put_bytes("a", b"before")
    (tmp_path / "large").write_bytes(b"x" * 2_000_000)
    with pytest.raises(TemporaryError, match=f"the disk of {tiny / 'root'} is full"):
        store.put_bytes("a", b"x" * 2_000_000)
    with pytest.raises(TemporaryError, match=f"the disk of {tiny / 'root'} is full"):
        store.put_file("a", tmp_path / "large")
    assert files(tiny / "root") == {"a": b"before"}
    large = DirectoryStore(tmp_path / "roomy")
    large.put_file("large", tmp_path / "large")
    with pytest.raises(TemporaryError, match=f"the disk of {tiny / 'copy'} is full"):
        large.get_file("large", tiny / "copy")
    assert [p.name for p in tiny.iterdir()] == ["root"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk of /root is full"),
        (errno.EDQUOT, "the disk of /root is full"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "no permission"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_errors_are_in_words(number: int, words: str) -> None:
    error = folders.in_words(OSError(number, os.strerror(number)), "cannot write a", Path("/root"))
    assert str(error).startswith("cannot write a: ")
    assert words in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "file:relative",
        "file://host/a",
        "/a",
        "a",
        "",
        "ftp://a/b",
        "s3://",
        "file:///",
        "file:",
        "file:///a#b",
        "file:///a?b",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        open_store(url)


def test_its_url_opens_it_again(tmp_path: Path) -> None:
    for name in ("a #1%20 ü?", os.fsdecode(b"\xff")):
        DirectoryStore(tmp_path / name).put_bytes("a", b"content")
        assert open_store(DirectoryStore(tmp_path / name).url).get_bytes("a")[0] == b"content"
