"""The command lines: what must never be missing from them, and the arithmetic behind them."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panocast.ladder import Rung, Size, vod_rungs
from panocast.probe import Colour
from transcoder.encode import (
    MEDIA_ORIGIN_S,
    Quality,
    Span,
    filler_argv,
    level_rate,
    nominal_rate,
    part_argv,
    segment_length_s,
)

QUALITY = Quality("veryfast", 23.0, 2)
RUNGS = vod_rungs(Size(3840, 1920))


def words(argv: list[str], option: str) -> list[str]:
    """The values of every use of an option."""
    return [value for name, value in pairwise(argv) if name == option]


def part(*, audio: bool = True, tagged: bool = False, rungs: tuple[Rung, ...] = RUNGS) -> list[str]:
    colour = Colour(matrix="bt709" if tagged else None)
    return part_argv(
        "part.mp4", Span(30, 60), Fraction(30), rungs, QUALITY, segment_s=2, max_pixels=99, colour=colour, audio=audio
    )


@pytest.mark.parametrize(
    ("rate", "meant"),
    [
        ("30", "30"), ("3002/100", "30"), ("30000/1001", "30000/1001"), ("2997/100", "30000/1001"), ("25", "25"),
        ("24000/1001", "24000/1001"), ("59940/1000", "60000/1001"), ("1/2", "1"), ("37", "37"), ("240", "240"),
    ],
)  # fmt: skip
def test_a_frame_rate_is_the_usual_one_that_was_meant(rate: str, meant: str) -> None:
    assert nominal_rate(Fraction(rate)) == Fraction(meant)


def test_a_rate_that_varies_from_part_to_part_has_one_level() -> None:
    assert {level_rate(Fraction(rate)) for rate in ("10", "24", "30000/1001", "32")} == {30}
    assert {level_rate(Fraction(rate)) for rate in ("50", "60000/1001", "63")} == {60}
    assert [level_rate(Fraction(rate)) for rate in (120, 240, 500)] == [120, 240, 1000]


@given(st.floats(0.01, 7200), st.floats(0.5, 10))
def test_segments_divide_a_part_evenly_and_are_hardly_longer_than_asked(duration_s: float, segment_s: float) -> None:
    length_s = segment_length_s(duration_s, segment_s)
    assert 0 < length_s <= 1.1 * segment_s + 1e-9
    assert duration_s / length_s == pytest.approx(round(duration_s / length_s), abs=1e-6)


def test_a_part_is_decoded_once_by_a_forced_demuxer_that_may_open_only_files() -> None:
    argv = part()
    assert argv.count("-i") == 1
    before = argv[: argv.index("-i")]
    assert words(before, "-f") == ["mov"]
    assert words(before, "-protocol_whitelist") == ["file"]
    assert words(before, "-max_pixels") == ["99"]
    assert "-copyts" in before


def test_every_rung_has_its_ceiling_and_its_place_on_the_clock() -> None:
    argv = part()
    assert words(argv, "-maxrate") == [str(rung.bitrate_bps) for rung in RUNGS]
    assert words(argv, "-bufsize") == [str(2 * rung.bitrate_bps) for rung in RUNGS]
    assert set(words(argv, "-output_ts_offset")) == {f"{MEDIA_ORIGIN_S}.000000"}
    assert set(words(argv, "-fps_mode")) == {"passthrough"}
    assert [word for word in argv if word.endswith("/fragments.mp4")] == [f"{r.name}/fragments.mp4" for r in RUNGS]


def test_keyframes_stand_in_the_same_places_in_every_rung_and_nowhere_else() -> None:
    argv = part()
    assert set(words(argv, "-force_key_frames")) == {"expr:gte(t,n_forced*2.000000-0.001)"}
    assert all("keyint=infinite:scenecut=0:open-gop=0" in text for text in words(argv, "-x264-params"))


def test_each_size_is_scaled_from_the_next_larger_one() -> None:
    (graph,) = words(part(), "-filter_complex")
    assert graph.count("scale=") == len(RUNGS)
    assert graph.count("[0:v]") == 1


def test_colours_are_tagged_only_where_the_source_does_not_tell() -> None:
    assert "setparams" in words(part(tagged=False), "-filter_complex")[0]
    assert "setparams" not in words(part(tagged=True), "-filter_complex")[0]


def test_sound_is_put_aside_as_it_is_where_there_is_some() -> None:
    assert part(audio=True)[-1] == "audio.mov"
    assert words(part(audio=True), "-c:a") == ["copy"]
    assert "audio.mov" not in part(audio=False)


def test_a_filler_is_encoded_as_a_part_is() -> None:
    """Otherwise its init segments would differ, and with them the decoder's settings."""
    argv, like = filler_argv(Span(30, 35), Fraction(30), RUNGS, QUALITY, segment_s=2), part(audio=False)
    for option in ("-c:v", "-preset", "-crf", "-x264-params", "-profile:v", "-pix_fmt", "-enc_time_base", "-bsf:v"):
        assert words(argv, option) == words(like, option)
    assert set(words(argv, "-output_ts_offset")) == {f"{MEDIA_ORIGIN_S + 30}.000000"}
    assert "trim=end_frame=150" in argv[argv.index("-i") + 1]


def test_ffmpegs_that_share_the_machine_keep_to_their_threads() -> None:
    """Decoder, filters and encoders: each would otherwise start one for each core, and hold frames for each."""
    argv = part()
    assert words(argv, "-threads") == ["2"] * (1 + len(RUNGS))
    assert words(argv, "-filter_complex_threads") == ["2"]
    assert argv.index("-threads") < argv.index("-i")
