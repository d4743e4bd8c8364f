"""What is being copied into the watch folder is left alone until it is whole, and what is cut off not for ever."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from panocast.queue import Queue, open_queue
from panocast.store import open_store
from transcoder.arrival import STABLE_S, STALLED_S, UNSURE_S, is_whole, is_written, quiet_s
from transcoder.watch import Watcher


def box(name: bytes, content: int, *, large: bool = False) -> bytes:
    size = content + (16 if large else 8)
    head = struct.pack(">I4sQ", 1, name, size) if large else struct.pack(">I4s", size, name)
    return head + bytes(content)


def vint(value: int, width: int) -> bytes:
    return (value | 1 << 7 * width).to_bytes(width)


def matroska(length: bytes, content: int) -> bytes:
    header = b"\x42\x86\x81\x01"
    return b"\x1a\x45\xdf\xa3" + vint(len(header), 1) + header + b"\x18\x53\x80\x67" + length + bytes(content)


FTYP, MOOV, MDAT = box(b"ftyp", 24), box(b"moov", 300), box(b"mdat", 5000)
CAMERA = FTYP + MDAT + MOOV
WEB = FTYP + MOOV + box(b"mdat", 5000, large=True)
MKV = matroska(vint(5000, 8), 5000)
STREAMED = matroska(vint((1 << 56) - 1, 8), 5000)
TS = (b"\x47" + bytes(187)) * 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "ingest" / "uploads"
    folder.mkdir(parents=True)
    return folder / "card.mp4"


def wanted_s(path: Path, content: bytes) -> float:
    path.write_bytes(content)
    return asked_s(path)


def asked_s(path: Path) -> float:
    """As if it had been written just now, however slow this machine is."""
    return quiet_s(path.parents[1], f"uploads/{path.name}", now=lambda: 0.0)


@pytest.mark.parametrize("content", [CAMERA, WEB, FTYP + box(b"free", 0) + MOOV + box(b"moof", 80) + MDAT, MKV])
def test_a_whole_file_is_taken_soon_and_a_shorter_one_is_waited_for(path: Path, content: bytes) -> None:
    assert wanted_s(path, content) == STABLE_S
    boundaries = {len(FTYP + MOOV + box(b"mdat", 0, large=True)), len(FTYP)}
    for end in {*boundaries, 0, 9, 40, len(content) // 2, len(content) - 1}:
        if content is not MKV or end >= 40:  # no copy stops within its first 40 bytes
            assert wanted_s(path, content[:end]) == STALLED_S, f"{end} of {len(content)} bytes"


def test_a_file_of_its_full_length_that_lacks_its_end_is_waited_for(path: Path) -> None:
    """Some copy programs make a file as long as it will be before they fill it."""
    assert wanted_s(path, (FTYP + MDAT).ljust(len(CAMERA), b"\0")) == STALLED_S


@pytest.mark.parametrize(
    "content",
    [
        CAMERA + bytes(32),
        CAMERA + b"\x8d\xb4\x2d\x69" * 9,
        FTYP + MOOV + bytes(4) + b"mdat" + bytes(900),
        STREAMED,
        TS,
        b"no video",
    ],
)
def test_what_does_not_say_its_length_is_left_alone_for_longer(path: Path, content: bytes) -> None:
    assert wanted_s(path, content) == UNSURE_S


def test_what_our_own_store_put_there_is_all_there(path: Path) -> None:
    open_store(path.parents[1].as_uri()).put_bytes("uploads/x/holiday.ts", TS[:100])
    assert quiet_s(path.parents[1], "uploads/x/holiday.ts") == STABLE_S


def test_a_file_that_somebody_writes_is_not_there_yet(path: Path) -> None:
    assert wanted_s(path, TS) == UNSURE_S
    with path.open("ab"), path.open("rb") as file:
        assert is_written(file) is True
        assert asked_s(path) == STALLED_S
    with path.open("rb") as file, path.open("rb"):
        assert is_written(file) is False


def test_a_preallocated_file_that_somebody_still_writes_is_left_alone_for_longer(path: Path) -> None:
    assert wanted_s(path, WEB) == STABLE_S
    with path.open("ab"):
        assert asked_s(path) == UNSURE_S


def test_whoever_begins_to_write_while_we_look_neither_ends_us_nor_waits(path: Path) -> None:
    """A lease that is broken is told by a signal, of which the usual one would end the worker."""
    path.write_bytes(CAMERA)
    look = "import sys; from transcoder.arrival import is_written\n"
    look += "for _ in range(30_000):\n with open(sys.argv[1], 'rb') as file: is_written(file)"
    looking = subprocess.Popen([sys.executable, "-c", look, str(path)])
    try:
        while looking.poll() is None:
            os.close(os.open(path, os.O_WRONLY))
    finally:
        looking.kill()
        looking.wait()
    assert looking.returncode == 0


def test_a_copy_that_stalls_is_taken_when_it_is_whole_and_one_that_is_cut_off_in_the_end(
    path: Path, tmp_path: Path
) -> None:
    now = 0.0
    queue: Queue = open_queue(f"sqlite://{tmp_path}/queue.db")
    watcher = Watcher(open_store((tmp_path / "ingest").as_uri()), queue, lambda: now)

    def waits(seconds: float) -> bool:
        nonlocal now
        found = watcher.finds_nothing()
        now += seconds
        return watcher.finds_nothing() or found

    with path.open("wb", buffering=0) as copy:
        for start in range(0, len(CAMERA), 1000):
            copy.write(CAMERA[start : start + 1000])
            assert not waits(10 if start + 1000 >= len(CAMERA) else STALLED_S - 1)
    assert waits(STABLE_S)
    path.write_bytes(CAMERA[:3000])
    assert not waits(STALLED_S - 1)
    assert waits(2)
    assert queue.depth().waiting == 2


def test_what_was_cut_off_long_before_we_came_is_not_waited_for(path: Path) -> None:
    begun = time.time()
    path.write_bytes(CAMERA[:3000])
    root, key = path.parents[1], "uploads/card.mp4"
    wanted = [quiet_s(root, key, now=now) for now in (lambda: begun + 100, lambda: begun + 400)]
    assert wanted == [STALLED_S, STABLE_S]


def test_a_damaged_header_is_no_error(path: Path) -> None:
    for content in (
        MKV[:5],
        b"\x1a\x45\xdf\xa3\x00" * 3,
        b"\x1a\x45\xdf\xa3\xff",
        FTYP[:8],
        bytes(4) + b"moov",
        MOOV[:7],
    ):
        path.write_bytes(content)
        with path.open("rb") as file:
            assert is_whole(file) is not True
