"""People hear of recordings that wait before the disk is full."""

from __future__ import annotations

import os
from pathlib import Path

from origin.alarm import Waiting, alarms, look

MB = 1 << 20


def test_what_waits_is_weighed_and_timed(tmp_path: Path) -> None:
    for name, changed in (("cam-1.flv", 100), ("cam-2.flv", 160)):
        (tmp_path / name).write_bytes(b"12345")
        os.utime(tmp_path / name, (changed, changed))
    found = look(tmp_path, 170.0)
    assert (found.bytes, found.age_s) == (10, 70.0)
    assert found.free_bytes > 0


def test_all_is_well_while_a_part_grows() -> None:
    assert list(alarms(Waiting(90 * MB, 0.4, 9000 * MB), 2048 * MB, "")) == []


def test_a_nearly_full_disk_and_a_store_that_is_away_are_said() -> None:
    disk, store = alarms(Waiting(900 * MB, 75.2, 1000 * MB), 2048 * MB, "the bucket does not answer")
    assert disk.startswith("the disk is nearly full: 1000 MB free, 900 MB of recordings not stored yet")
    (full,) = alarms(Waiting(900 * MB, 0.0, 200 * MB), 2048 * MB, "", shut=True)
    assert full.startswith(
        "the disk is full, and nothing is recorded: 200 MB free, 900 MB of recordings not stored yet"
    )
    assert store == "900 MB of recordings wait for the ingest store, for 75 s: the bucket does not answer"
