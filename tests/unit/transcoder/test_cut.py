"""Where uploads are cut: how long parts are, at which keyframes they begin, and what an open GOP takes with it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.cut import (
    Packet,
    Stretch,
    cut_argv,
    lanes,
    part_length_s,
    plan_parts,
    read_packets,
    scan_argv,
)


def words(argv: Sequence[str], option: str) -> list[str]:
    """The values of every use of an option."""
    return [value for name, value in pairwise(argv) if name == option]


def gops(count: int, *, frames: int = 30, opened: bool = False) -> list[Packet]:
    """Packets at 30 frames/s: each GOP in the file's order begins with its keyframe; in an open one, two frames that
    are shown before it follow."""
    packets = []
    for gop in range(count):
        shown = list(range(gop * frames, (gop + 1) * frames))
        if opened and gop:
            shown = [shown[2], shown[0], shown[1], *shown[3:]]
        for index, number in enumerate(shown):
            packets.append(
                Packet(Fraction(number, 30), Fraction(gop * frames + index - 2, 30), Fraction(1, 30), key=index == 0)
            )
    return packets


@pytest.mark.parametrize(
    ("duration_s", "slots", "length_s"),
    [(5, 1, 10), (60, 4, 10), (600, 8, 25), (3600, 8, 60), (3600, 40, 30), (3600, 512, 10), (0, 1, 10)],
)
def test_parts_are_three_for_each_slot_between_ten_seconds_and_a_minute(
    duration_s: float, slots: int, length_s: float
) -> None:
    assert part_length_s(duration_s, slots) == length_s
    assert part_length_s(duration_s, slots, 7.0) == 7.0


@given(st.floats(0, 1e5), st.integers(1, 10_000))
def test_no_duration_makes_parts_shorter_or_longer_than_allowed(duration_s: float, slots: int) -> None:
    assert 10 <= part_length_s(duration_s, slots) <= 60


def test_parts_begin_at_keyframes_and_are_even_in_length() -> None:
    parts = plan_parts(gops(10), 3)
    assert [(p.first, p.end) for p in parts] == [(0, 60), (60, 150), (150, 210), (210, 300)]
    assert [p.start_s for p in parts] == [0, 2, 5, 7]
    assert [p.end_s for p in parts] == [2, 5, 7, 10]
    assert not any(p.lead_s for p in parts)


def test_a_part_that_begins_with_an_open_gop_carries_the_gop_before_to_be_decoded_only() -> None:
    packets = gops(6, opened=True)
    first, second = plan_parts(packets, 3)
    assert (first.first, first.end) == (0, 90)
    assert (second.first, second.end) == (60, 180), "the GOP that begins at packet 60 is decoded, too"
    assert second.start_s == 3, "the first frame that is shown stands before the keyframe"
    assert second.start_s < packets[90].pts_s
    assert second.lead_s == second.start_s - packets[60].dts_s


def test_an_open_gop_whose_predecessor_begins_the_file_stays_with_it() -> None:
    """ffmpeg writes no edit list that could be changed for a track that starts at 0."""
    assert [p.first for p in plan_parts(gops(3, opened=True), 1)] == [0, 30]


def test_a_file_with_one_keyframe_is_one_part() -> None:
    (only,) = plan_parts(gops(1, frames=9000), 10)
    assert only == Stretch(0, 9000, Fraction(0), Fraction(300))


@pytest.mark.timeout(20)
def test_a_timestamp_that_lies_thirty_thousand_years_ahead_costs_nothing() -> None:
    *most, last = gops(4)
    strange = Packet(Fraction(10**12), last.dts_s, last.duration_s, key=False)
    parts = plan_parts([*most, strange], 10)
    assert [p.first for p in parts] == [0, 90]
    assert parts[-1].end_s > 10**12


def test_the_plan_of_a_long_file_keeps_no_more_than_its_gops() -> None:
    """A day at 60 frames/s has five million packets."""
    listed = (f"0, {n}, {n}, 1, 9, 0x0{'' if n % 50 == 0 else ', F=0x0'}" for n in range(20_000))
    tracemalloc.start()
    try:
        assert len(plan_parts(read_packets(listed), 1000)) == 20
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_what_an_edit_list_skips_is_no_reason_to_cut() -> None:
    hidden = [Packet(p.pts_s, p.dts_s, p.duration_s, p.key, shown=index >= 40) for index, p in enumerate(gops(4))]
    parts = plan_parts(hidden, 1)
    assert parts[0].start_s == Fraction(40, 30)
    assert parts[0].first == 0


@given(st.lists(st.tuples(st.integers(-5, 400), st.booleans(), st.booleans()), max_size=60), st.floats(0.1, 20))
def test_every_packet_of_any_file_is_shown_by_one_part(found: list[tuple[int, bool, bool]], part_s: float) -> None:
    packets = [Packet(Fraction(pts, 10), Fraction(i, 10), Fraction(1, 10), k, s) for i, (pts, k, s) in enumerate(found)]
    parts = plan_parts(packets, part_s)
    assert bool(parts) == any(packet.shown for packet in packets)
    for before, after in pairwise(parts):
        assert after.first <= before.end
        assert after.lead_s > 0 or after.first == before.end
        assert before.end_s == after.start_s
    if parts:
        assert (parts[0].first, parts[-1].end) == (0, len(packets))
    for lane in lanes(parts):
        assert all(one.end <= other.first for (_, one), (_, other) in pairwise(lane.parts))


def test_packets_are_read_with_their_flags_and_times() -> None:
    listed = [
        "#software: Lavf59", "#tb 0: 1/1000", "#dimensions 0: 320x160",
        "0,       -67,          0,       33,     4025, 0x08dd5a35",
        "0,       -33,        133,       33,      418, 0xb2c3d52c, F=0x0",
        "0,         0,         67,       33,      418, 0xb2c3d52c, F=0x10, S=1, 1",
        "0,        33,       -100,       33,      418, 0xb2c3d52c, F=0x5",
        "0,        67, -9223372036854775808, 33,  418, 0xb2c3d52c, F=0x0",
    ]  # fmt: skip
    packets = list(read_packets(listed))
    assert [p.key for p in packets] == [True, False, False, True, False]
    assert [p.shown for p in packets] == [True, True, True, False, False]
    assert (packets[1].pts_s, packets[1].dts_s) == (Fraction(133, 1000), Fraction(-33, 1000))


def test_parts_that_overlap_are_written_by_two_outputs() -> None:
    parts = [
        Stretch(0, 90, Fraction(0), Fraction(3)),
        Stretch(60, 180, Fraction(3), Fraction(6), lead_s=Fraction(1)),
        Stretch(150, 240, Fraction(6), Fraction(8), lead_s=Fraction(1)),
    ]
    one, two = lanes(parts)
    assert [number for number, _ in one.parts] == [1, 3]
    assert [number for number, _ in two.parts] == [2]
    assert one.cuts == (90, 150)
    assert two.cuts == (60, 180)
    assert [one.file_of(parts[0]), one.file_of(parts[2]), two.file_of(parts[1])] == [0, 2, 1]


def test_a_cut_encodes_nothing_and_reads_the_file_once_by_the_demuxer_it_was_sniffed_as() -> None:
    cuts = lanes(plan_parts(gops(10, opened=True), 3))
    argv = cut_argv("upload", "matroska", "mp4", cuts, max_pixels=99, sound=True)
    assert argv.count("-i") == 1
    assert words(argv, "-f") == ["matroska", "segment", "segment", "matroska"]
    assert set(words(argv, "-c")) == {"copy"}
    assert words(argv[: argv.index("-i")], "-protocol_whitelist") == ["file"]
    assert argv[-1] == "sound.mka"
    assert "sound.mka" not in cut_argv("upload", "matroska", "mp4", cuts, max_pixels=99, sound=False)


def test_a_scan_reads_the_same_tracks_as_the_cut() -> None:
    """ffmpeg's clock starts at the first packet of the tracks that it reads."""
    cuts = lanes(plan_parts(gops(2), 3))
    for sound in (False, True):
        scan = scan_argv("upload", "mpegts", max_pixels=99, sound=sound)
        cut = cut_argv("upload", "mpegts", "mp4", cuts, max_pixels=99, sound=sound)
        assert words(scan, "-map") == words(cut, "-map")
