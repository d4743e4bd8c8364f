"""The ladder's command line: what is copied, what is encoded, and where it goes."""

from __future__ import annotations

import pytest

from origin.ladder import Source, Target, ladder_argv, rung_widths
from panocast.ladder import Size


def argv(source: Source) -> list[str]:
    return ladder_argv("rtmp://in", source, lambda width: Target(f"out_{width}", {"f": "flv"}))


def outputs(words: list[str]) -> dict[str, list[str]]:
    """The options of each output."""
    found: dict[str, list[str]] = {}
    options: list[str] = []
    for word in words[words.index("-i") + 2 :]:
        options.append(word)
        if word.startswith("out_"):
            found[word], options = options, []
    return found


def value(options: list[str], name: str) -> str:
    return options[options.index(name) + 1]


@pytest.mark.parametrize(
    ("width", "rungs"),
    [
        (3840, (3840, 1920, 960, 480)),
        (1920, (1920, 960, 480)),
        (1921, (1921, 1920, 960, 480)),
        (960, (960, 480)),
        (480, (480,)),
        (320, (320,)),
    ],
)
def test_the_source_and_what_is_smaller(width: int, rungs: tuple[int, ...]) -> None:
    source = Source(Size(width, width // 2), "AAC")
    assert rung_widths(source) == rungs
    assert list(outputs(argv(source))) == [f"out_{rung}" for rung in rungs]


def test_the_source_passes_untouched() -> None:
    passed = outputs(argv(Source(Size(1920, 960), "AAC")))["out_1920"]
    assert (value(passed, "-c:v"), value(passed, "-c:a")) == ("copy", "copy")
    assert "libx264" not in passed


def test_rungs_have_their_keyframes_where_the_source_has_them() -> None:
    rung = outputs(argv(Source(Size(1920, 960), "AAC")))["out_960"]
    assert value(rung, "-force_key_frames") == "source"
    assert value(rung, "-forced-idr") == "1"
    assert value(rung, "-bf") == "0"
    assert value(rung, "-maxrate") == value(rung, "-b:v") == "2300000"
    assert "-copyts" in argv(Source(Size(1920, 960), "AAC"))


@pytest.mark.parametrize("codec", ["MP3", "Speex", "LinearLE"])
def test_other_sound_is_encoded_for_every_rung(codec: str) -> None:
    for options in outputs(argv(Source(Size(1920, 960), codec))).values():
        assert (value(options, "-c:a"), value(options, "-b:a")) == ("aac", "96000")


def test_without_sound_no_rung_has_any() -> None:
    words = argv(Source(Size(1920, 960), None))
    assert "0:a:0?" not in words
    assert "-c:a" not in words
    assert int(value(words, "-analyzeduration")) < 1_000_000, "it must not wait for a second track"
