"""Boxes that are read and rewritten, on small files put together here."""

from __future__ import annotations

import contextlib
import struct
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panocast.mp4 import BoxError, Edit, read_edit, split_fragments, write_edit


def box(name: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), name) + data


def timed(name: bytes, scale: int) -> bytes:
    return box(name, bytes(12), struct.pack(">I", scale), bytes(8))


def edits(*entries: tuple[int, int], version: int = 0) -> bytes:
    entry = ">QqI" if version else ">IiI"
    packed = b"".join(struct.pack(entry, duration, media, 1 << 16) for duration, media in entries)
    return box(b"edts", box(b"elst", bytes([version, 0, 0, 0]), struct.pack(">I", len(entries)), packed))


def movie(edit_list: bytes = b"") -> bytes:
    trak = box(b"trak", box(b"tkhd", bytes(84)), edit_list, box(b"mdia", timed(b"mdhd", 15_360)))
    return box(b"moov", timed(b"mvhd", 90_000), trak)


@pytest.mark.parametrize("version", [0, 1])
def test_an_edit_list_is_rewritten_in_place(tmp_path: Path, version: int) -> None:
    path = tmp_path / "part.mp4"
    before = (
        box(b"ftyp", b"isom") + box(b"mdat", bytes(99)) + movie(edits((90_000, -1), (177_000, 1536), version=version))
    )
    path.write_bytes(before)
    write_edit(path, start_s=Fraction(59, 30), duration_s=Fraction(1), lead_s=Fraction(16, 15))
    edit = read_edit(path)
    assert edit is not None
    assert edit == Edit(Fraction(59, 30), Fraction(1), 16_384)
    assert len(path.read_bytes()) == len(before)


def test_a_track_without_a_pause_has_no_edit_list_to_rewrite(tmp_path: Path) -> None:
    path = tmp_path / "part.mp4"
    for content in (movie(), movie(edits((90_000, 0)))):
        path.write_bytes(content)
        with pytest.raises(BoxError, match="a pause and a stretch"):
            write_edit(path, start_s=Fraction(1), duration_s=Fraction(1), lead_s=Fraction(1))
    edit = read_edit(path)
    assert edit is not None
    assert edit == Edit(Fraction(0), Fraction(1), 0)
    path.write_bytes(movie())
    assert read_edit(path) is None


def test_an_edit_list_that_repeats_stretches_is_not_understood(tmp_path: Path) -> None:
    path = tmp_path / "part.mp4"
    path.write_bytes(movie(edits((1, -1), (2, 3), (4, 5))))
    assert read_edit(path) is None


@given(st.data())
def test_a_file_that_is_damaged_anywhere_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = bytearray(movie(edits((90_000, -1), (177_000, 1536))))
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("mp4") / "part.mp4"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with contextlib.suppress(BoxError):
        read_edit(path)


def fragment(decode: int, samples: list[tuple[int, int]]) -> bytes:
    """A moof and an mdat; samples are (duration, composition offset)."""
    run = b"".join(struct.pack(">IIi", duration, 10, offset) for duration, offset in samples)
    trun = box(b"trun", struct.pack(">IIi", 0x01000B01, len(samples), 0), run)
    tfhd, tfdt = box(b"tfhd", bytes(3), b"\0", bytes(4)), box(b"tfdt", b"\1", bytes(3), struct.pack(">Q", decode))
    return box(b"moof", box(b"mfhd", bytes(8)), box(b"traf", tfhd, tfdt, trun)) + box(b"mdat", bytes(10 * len(samples)))


def test_a_fragmented_file_is_taken_apart_into_segments_with_their_own_times(tmp_path: Path) -> None:
    path = tmp_path / "fragments.mp4"
    one = fragment(8000, [(512, 1024), (512, 1536), (512, 512)])
    two = fragment(9536, [(1024, 1024)])
    path.write_bytes(box(b"ftyp", b"iso6") + movie() + one + two)
    first, second = split_fragments(path)
    assert (tmp_path / "init.mp4").read_bytes() == box(b"ftyp", b"iso6") + movie()
    assert (tmp_path / first.name).read_bytes() == one
    assert (tmp_path / second.name).read_bytes() == two
    assert (first.size, second.size) == (len(one), len(two))
    # Shown at 9024, 10048 and 9536: the last as long as the step before it.
    assert (first.start_s, first.end_s) == (Fraction(9024, 15_360), Fraction(10_560, 15_360))
    assert (second.start_s, second.end_s) == (Fraction(10_560, 15_360), Fraction(11_584, 15_360))
    assert not path.exists()
