"""Segments and init segments: what is written reads back, and equal things have equal names."""

from __future__ import annotations

from origin.packager.gops import GopReader
from origin.packager.segments import audio_run, init_name, init_segment, segment, video_run
from tests.integration.origin.live_checker import read_media
from tests.unit.origin.packager.fmp4 import audio_track, gop, sample, video_track


def test_a_segment_stands_where_its_plan_says() -> None:
    reader = GopReader()
    (one,) = reader.feed([sample(100, key=True, late=67), sample(133, late=67), sample(166, key=True, late=67)])
    data = segment(7, [video_run([one], shift_ms=9_900), audio_run([sample(4800, duration=1024)], shift_ticks=475_200)])
    media = read_media(init_segment(video_track(), audio_track()), data)
    assert (media.decoded_s, media.shown_s, media.end_s) == (10.0, 10.067, 10.066)
    assert media.keyframe


def test_joined_gops_are_one_segment() -> None:
    media = read_media(
        init_segment(video_track(), None), segment(1, [video_run([gop(0, 300), gop(300, 1000)], shift_ms=5000)])
    )
    assert (media.decoded_s, media.end_s) == (5.0, 6.0)


def test_a_gap_in_the_sound_lengthens_the_frame_before_it() -> None:
    run = audio_run([sample(0, duration=1024), sample(5000, duration=1024)], shift_ticks=0)
    assert [row.duration for row in run.rows] == [5000, 1024]


def test_init_segments_are_named_by_what_they_are() -> None:
    both = init_segment(video_track(), audio_track())
    assert init_name(both) == init_name(init_segment(video_track(), audio_track()))
    others = [init_segment(video_track(), None), init_segment(video_track(1280), audio_track())]
    assert len({init_name(init) for init in [both, *others]}) == 3
    assert b"edts" not in both, "an edit list would shift what the plan has placed"
