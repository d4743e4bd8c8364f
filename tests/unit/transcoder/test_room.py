"""A job is told, before it begins, what room it lacks and where."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from panocast.errors import NoRoomError
from panocast.store import open_store
from tests.unit.transcoder.recordings import workplace
from transcoder.room import check_room, says_full
from transcoder.workplace import move_into

GB = 1_000_000_000


def test_what_lacks_room_is_told_in_words(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    check_room("a.mp4", {tmp_path / "not" / "there" / "yet": free // 4}, leave_bytes=free // 4)
    with pytest.raises(NoRoomError) as told:
        check_room("uploads/a.mp4", {tmp_path / "scratch": 10**6 * GB}, leave_bytes=2 * GB)
    assert str(told.value).startswith(f"uploads/a.mp4 needs 1000000000 MB on the disk of {tmp_path}, where ")
    assert "2000 MB stay free (setting transcoder.disk_free_mb): make room there" in str(told.value)


def test_room_that_must_stay_free_is_none_to_write_to(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    check_room("a", {tmp_path: GB // 1000}, leave_bytes=free // 2)
    with pytest.raises(NoRoomError):
        check_room("a", {tmp_path: GB // 1000}, leave_bytes=free)


async def test_every_disk_of_a_job_is_looked_at(tmp_path: Path) -> None:
    place = workplace(tmp_path)
    await place.check_room("a", scratch=1, ingest=1, egress=1)
    for which in ("scratch", "ingest", "egress"):
        with pytest.raises(NoRoomError):
            await place.check_room("a", **{which: 10**6 * GB})


def test_what_is_stored_takes_no_room_twice(tmp_path: Path) -> None:
    store, path = open_store((tmp_path / "store").as_uri()), tmp_path / "part.mp4"
    path.write_bytes(b"x")
    move_into(store, "a/part.mp4", path)
    assert store.get_bytes("a/part.mp4")[0] == b"x"
    assert not path.exists()


def test_a_program_that_met_a_full_disk_says_so() -> None:
    assert says_full("[error] av_interleaved_write_frame(): No space left on device")
    assert says_full("Error closing file packets.txt: Disk quota exceeded")
    assert not says_full("[warning] Non-monotonous DTS")
