"""The two command lines: the source untouched in a process of its own, rungs with the source's keyframes."""

from __future__ import annotations

from origin.packager.commands import passthrough_argv, rungs_argv
from panocast.ladder import Size, live_rungs


def outputs(words: list[str]) -> dict[str, list[str]]:
    """The options of each pipe."""
    found: dict[str, list[str]] = {}
    options: list[str] = []
    for word in words[words.index("-i") + 2 :]:
        options.append(word)
        if word.startswith("pipe:"):
            found[word], options = options, []
    return found


def value(options: list[str], name: str) -> str:
    return options[options.index(name) + 1]


def test_the_source_passes_untouched_a_pipe_for_each_track() -> None:
    words = passthrough_argv("rtmp://in", "AAC", 7, 8)
    found = outputs(words)
    assert list(found) == ["pipe:7", "pipe:8"]
    assert value(found["pipe:7"], "-c:v") == value(found["pipe:8"], "-c:a") == "copy"
    assert value(found["pipe:7"], "-video_track_timescale") == "1000"
    for options in found.values():
        assert "frag_every_frame" in value(options, "-movflags")
        assert value(options, "-avoid_negative_ts") == "disabled"
    assert "-copyts" in words


def test_other_sound_is_encoded_and_none_is_none() -> None:
    assert value(outputs(passthrough_argv("rtmp://in", "MP3", 7, 8))["pipe:8"], "-c:a") == "aac"
    assert list(outputs(passthrough_argv("rtmp://in", None, 7, None))) == ["pipe:7"]


def test_rungs_have_their_keyframes_where_the_source_has_them_and_no_sound() -> None:
    rungs = live_rungs(Size(1280, 640))
    words = rungs_argv(4, list(zip(rungs, (5, 6), strict=True)))
    assert value(words, "-i") == "pipe:4"
    assert "-copyts" in words
    found = outputs(words)
    assert list(found) == ["pipe:5", "pipe:6"]
    for options, rung in zip(found.values(), rungs, strict=True):
        assert value(options, "-video_track_timescale") == "1000"
        assert value(options, "-force_key_frames") == "source"
        assert value(options, "-maxrate") == str(rung.bitrate_bps)
        assert "-c:a" not in options
    assert "copy" not in words
