"""Which pictures are chosen, and what the cues say of them."""

from __future__ import annotations

from itertools import pairwise

from panocast.ladder import Size
from transcoder.encode import Span
from transcoder.markers import RungRendition, SegmentFile
from transcoder.publish import Piece
from transcoder.thumbnails import COLUMNS, MOST, choose, cues, lay_out


def piece(start_s: float, *durations_s: float, init: str = "aa", height: int = 320) -> Piece:
    segments = tuple(SegmentFile(name=f"{i:05d}.m4s", duration_s=d, size=1) for i, d in enumerate(durations_s))
    rung = RungRendition(
        folder="640", init_digest=init, init_size=1, codecs="", segments=segments, width=640, height=height
    )
    return Piece("0001", Span(start_s, start_s + sum(durations_s)), {640: rung}, f"work/{start_s:g}/")


def test_pictures_are_two_seconds_apart_across_parts_that_begin_anywhere() -> None:
    shots = choose([piece(7, 1, 1, 0.99), piece(10, 2, 2)], 640)
    assert [shot.start_s for shot in shots] == [0, 2, 5]
    assert [shot.segment_key for shot in shots] == [
        "work/7/640/00000.m4s",
        "work/7/640/00002.m4s",
        "work/10/640/00001.m4s",
    ]
    assert shots[0].size == Size(160, 80)


def test_the_sheet_of_a_day_is_as_small_as_that_of_minutes() -> None:
    day = choose([piece(600 * i, *[2.0] * 300) for i in range(144)], 640)
    apart_s = [b.start_s - a.start_s for a, b in pairwise(day)]
    assert MOST * 0.95 <= len(day) <= MOST
    assert max(apart_s) - min(apart_s) <= 2


def test_another_encoding_begins_another_sheet_and_cues_stay_in_order() -> None:
    found = [piece(0, 2), piece(2, 2, init="bb", height=640), piece(4, *[2.0] * COLUMNS)]
    sheets = lay_out(choose(found, 640))
    assert [(sheet.picture, sheet.layout) for sheet in sheets] == [
        (Size(160, 80), Size(COLUMNS, 2)),
        (Size(160, 160), Size(1, 1)),
    ]
    lines = cues(sheets, 3725.5).split("\n\n")
    assert lines[:3] == [
        "WEBVTT",
        "00:00:00.000 --> 00:00:02.000\nthumbnails-0.jpg#xywh=0,0,160,80",
        "00:00:02.000 --> 00:00:04.000\nthumbnails-1.jpg#xywh=0,0,160,160",
    ]
    assert lines[-2:] == ["00:00:22.000 --> 01:02:05.500\nthumbnails-0.jpg#xywh=0,80,160,80", ""]
