"""The window slides, in time and in bytes, and lists nothing that is not there."""

from __future__ import annotations

from origin.packager.window import KEPT_MS, Window
from origin.timeline import SegmentPlan

INIT = ("init-000000000000.mp4", b"init")


def plan(number: int, start: int | None = None, discontinuity: bool = False) -> SegmentPlan:
    start = 1000 * number if start is None else start
    return SegmentPlan("0a0a0a0a", number, start, start + 1000, 0, 0, discontinuity, int(discontinuity))


def filled(window: Window, numbers: range, size: int = 10) -> Window:
    for number in numbers:
        window.add(plan(number))
        assert window.put(number, 640, INIT, bytes(size))
    return window


def test_what_leaves_the_list_stays_for_those_who_read_it_a_moment_ago() -> None:
    window = filled(Window(window_ms=10_000), range(100))
    assert [s.number for s in window.segments] == list(range(90, 100))
    assert window.file(640, "0a0a0a0a-89.m4s") is not None
    assert window.file(640, f"0a0a0a0a-{90 - KEPT_MS // 1000 - 1}.m4s") is None
    assert window.bytes == 10 * (10 + KEPT_MS // 1000)
    assert window.file(640, INIT[0]) == b"init"


def test_bytes_are_bounded_whatever_the_window() -> None:
    window = filled(Window(window_ms=3_600_000, most_bytes=1000), range(50), size=100)
    assert window.bytes <= 1000
    assert len(window.segments) == 10


def test_init_segments_go_with_the_last_segment_that_needs_them() -> None:
    window = Window(window_ms=2000)
    window.add(plan(0))
    window.put(0, 640, ("init-111111111111.mp4", b"old"), b"x")
    filled(window, range(1, 40))
    assert window.file(640, "init-111111111111.mp4") is None
    assert window.file(640, INIT[0]) == b"init"


def test_numbers_that_jump_begin_the_list_anew() -> None:
    window = filled(Window(window_ms=60_000), range(5))
    window.add(plan(1000, start=5000, discontinuity=True))
    assert [s.number for s in window.segments] == [1000]
    assert window.file(640, "0a0a0a0a-4.m4s") is not None


def test_a_rung_that_comes_too_late_is_not_taken() -> None:
    window = filled(Window(window_ms=2000), range(40))
    assert window.put(1, 480, INIT, b"late") is None
    assert window.put(39, 640, INIT, b"twice") is None
    assert window.put(39, 480, INIT, b"just in time")
