"""The sound's command line: where its pieces stand on the clock, how many channels come out, how they are mixed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.encode import Span
from transcoder.markers import Sound
from transcoder.sound import audio_argv, concat_script, mix_of, one_form_argv, runs_of


def words(argv: list[str], option: str) -> list[str]:
    """The values of every use of an option."""
    return [value for name, value in pairwise(argv) if name == option]


def test_sound_is_placed_by_the_clock_whatever_its_pieces_last() -> None:
    script = concat_script([("0001.mov", 0.5), ("0002.mov", 30.25), ("0004.mov", 90.0)])
    assert script.splitlines() == [
        "ffconcat version 1.0",
        *("file 0001.mov", "duration 29.750000", "file 0002.mov", "duration 59.750000", "file 0004.mov"),
    ]
    argv = audio_argv("audio.ffconcat", 0.5, Span(0.25, 120), 2, segment_s=2)
    assert words(argv, "-itsoffset") == ["0.500000"]
    (filters,) = words(argv, "-af")
    assert "first_pts=12000," in filters
    assert filters.endswith("atrim=start_pts=12000:end=120.000000")


def test_the_sounds_script_may_open_only_our_own_files() -> None:
    argv = audio_argv("audio.ffconcat", 0, Span(0, 1), 2, segment_s=2)
    before = argv[: argv.index("-i")]
    assert words(before, "-safe") == ["1"]
    assert words(before, "-protocol_whitelist") == ["file"]
    assert words(before, "-format_whitelist") == ["concat,mov,matroska"]


@given(st.integers(1, 8))
def test_sound_has_two_channels_at_most(channels: int) -> None:
    assert words(audio_argv("a", 0, Span(0, 1), channels, segment_s=2), "-ac") == [str(min(2, channels))]


@pytest.mark.parametrize("channels", [4, 9, 16])
@pytest.mark.parametrize("layout", [None, "4.0", "ambisonic 1"])
def test_ambisonics_become_two_cardioids_to_the_left_and_to_the_right(channels: int, layout: str | None) -> None:
    mix = mix_of(channels, layout, 2)
    assert mix == "pan=stereo|c0=0.5*c0+0.5*c1|c1=0.5*c0-0.5*c1"
    (filters,) = words(audio_argv("a", 0, Span(0, 1), 2, segment_s=2, mix=mix), "-af")
    assert filters.startswith(f"{mix},aresample")


@pytest.mark.parametrize(("channels", "layout"), [(1, "mono"), (2, "stereo"), (6, "5.1"), (4, "quad"), (8, "7.1")])
def test_loudspeakers_are_mixed_by_ffmpeg(channels: int, layout: str) -> None:
    assert mix_of(channels, layout, min(2, channels)) is None


def test_mono_among_stereo_is_as_loud_on_both_sides() -> None:
    assert mix_of(1, "mono", 2) == "pan=stereo|c0=c0|c1=c0"


def test_sounds_are_parted_where_their_form_changes_and_nowhere_else() -> None:
    mono = Sound(start_s=0, channels=1, layout="mono", codec="aac", sample_rate=44_100)
    faster, stereo = mono.model_copy(update={"sample_rate": 48_000}), mono.model_copy(update={"channels": 2})
    sounds = [mono, mono, faster, stereo, stereo, mono]
    assert [[n for n, _ in run] for run in runs_of(list(enumerate(sounds)))] == [[0, 1], [2], [3, 4], [5]]
    assert len(runs_of([(n, mono.model_copy(update={"start_s": float(n)})) for n in range(9)])) == 1


def test_a_run_is_decoded_to_the_sample() -> None:
    (filters,) = words(one_form_argv("run.ffconcat", "run.mp4", 7.5, Span(7.5, 9.25), 2), "-af")
    assert "first_pts=360000," in filters
    assert filters.endswith("atrim=start_pts=360000:end=9.250000")
