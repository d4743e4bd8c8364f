"""Command lines as values, and ffmpeg's progress as numbers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panocast.ffmpeg import Input, Output, Progress, ProgressReader, command
from panocast.ladder import Size

LARGE, MEDIUM, SMALL = Size(1920, 960), Size(960, 480), Size(480, 240)


def graph(argv: list[str]) -> str:
    return argv[argv.index("-filter_complex") + 1]


def test_each_size_is_scaled_from_the_next_larger_one_whatever_the_order() -> None:
    outputs = [Output(f"{size.width}.mp4", size, audio=False) for size in (SMALL, LARGE, MEDIUM)]
    chain = graph(command(Input("in.mp4"), outputs))
    assert chain.count("scale=") == 3
    assert chain.count("[0:v]") == 1, "decoded once"
    assert chain.index("scale=1920:960") < chain.index("scale=960:480") < chain.index("scale=480:240")


def test_outputs_get_the_size_they_asked_for() -> None:
    outputs = [Output(f"{size.width}.mp4", size, audio=False) for size in (SMALL, LARGE)]
    argv = command(Input("in.mp4"), outputs)
    chain = graph(argv)
    mapped = [value for name, value in pairwise(argv) if name == "-map"]
    assert len(set(mapped)) == 2
    # Each label that is mapped comes from the scaler of its output's size.
    for output, label in zip(outputs, mapped, strict=True):
        assert argv.index(output.url) > argv.index(label)
    assert chain.count("scale=") == 2


def test_two_outputs_of_one_size_share_one_scaler() -> None:
    argv = command(Input("in.mp4"), [Output("a.mp4", LARGE, audio=False), Output("b.mp4", LARGE, audio=False)])
    assert graph(argv).count("scale=") == 1
    assert "split=2" in graph(argv)


def test_a_copy_needs_no_filter_and_sound_is_taken_where_there_is_some() -> None:
    argv = command(Input("in.mp4", {"f": "mov"}), [Output("out.mp4", "copy", audio=True, options={"c": "copy"})])
    assert "-filter_complex" not in argv
    assert [value for name, value in pairwise(argv) if name == "-map"] == ["0:v:0", "0:a:0?"]
    assert argv[argv.index("-f") + 1] == "mov"


def test_frames_are_prepared_once_before_they_are_scaled() -> None:
    outputs = [Output(f"{size.width}.mp4", size, audio=False) for size in (LARGE, SMALL)]
    chain = graph(command(Input("in.mp4"), outputs, prepare=[("yadif", {"mode": 0})]))
    assert chain.count("yadif") == 1
    assert chain.index("yadif") < chain.index("scale")


def test_it_never_waits_for_a_key_and_tells_how_far_it_is() -> None:
    argv = command(Input("in.mp4"), [Output("out.mp4", "copy", audio=False)])
    assert argv[0] == "ffmpeg"
    assert "-nostdin" in argv
    assert argv[argv.index("-progress") + 1] == "pipe:1"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_files_name_is_one_word_of_the_command_line(name: str) -> None:
    argv = command(Input(f"./{name}"), [Output("out.mp4", "copy", audio=False)])
    assert argv[argv.index("-i") + 1] == f"./{name}"


def test_progress_is_given_at_the_end_of_each_block() -> None:
    reader = ProgressReader()
    lines = ["frame=120", "fps=60.0", "out_time_us=4000000", "speed=2.01x", "progress=continue"]
    assert [reader.feed(line) for line in lines] == [None] * 4 + [Progress(4.0, 120)]
    assert reader.feed("progress=end") == Progress(4.0, 120)


@pytest.mark.parametrize("line", ["out_time_us=N/A", "speed=N/A", "frame=", "garbage", ""])
def test_what_ffmpeg_does_not_know_yet_is_nought(line: str) -> None:
    reader = ProgressReader()
    reader.feed(line)
    assert reader.feed("progress=continue") == Progress()
