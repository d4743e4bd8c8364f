"""The sound's command line: where its pieces stand on the clock, how many channels come out, how they are mixed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.encode import Span
from transcoder.sound import audio_argv, concat_script, downmix


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
    mix = downmix(channels, layout)
    assert mix == "pan=stereo|c0=0.5*c0+0.5*c1|c1=0.5*c0-0.5*c1"
    (filters,) = words(audio_argv("a", 0, Span(0, 1), 2, segment_s=2, mix=mix), "-af")
    assert filters.startswith(f"{mix},aresample")


@pytest.mark.parametrize(("channels", "layout"), [(1, "mono"), (2, "stereo"), (6, "5.1"), (4, "quad"), (8, "7.1")])
def test_loudspeakers_are_mixed_by_ffmpeg(channels: int, layout: str) -> None:
    assert downmix(channels, layout) is None
