"""What a file is, by its first bytes and by ffprobe's answer."""

from __future__ import annotations

import json
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panocast.errors import RefusedError
from panocast.ladder import Size
from panocast.probe import MediaInfo, input_options, parse_probe, probe, sniff_container
from panocast.projection import Projection, Stereo

VIDEO = {
    "codec_type": "video", "codec_name": "h264", "width": 3840, "height": 1920, "avg_frame_rate": "30/1",
    "r_frame_rate": "30/1", "nb_frames": "900", "start_time": "30.000000", "duration": "30.000000",
}  # fmt: skip
AUDIO = {"codec_type": "audio", "codec_name": "aac", "channels": 2, "sample_rate": "48000", "start_time": "29.98"}


def parsed(*streams: dict[str, Any], spherical: bytes = b"", **form: str) -> MediaInfo:
    return parse_probe("mov", json.dumps({"streams": streams, "format": form}), spherical=spherical)


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"\x00\x00\x00\x20ftypisom" + b"\0" * 20, "mov"),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", "mov"),
        (b"\x1a\x45\xdf\xa3\x01\x00", "matroska"),
        (b"FLV\x01\x05\x00\x00\x00\x09", "flv"),
        ((b"\x47" + b"\0" * 187) * 10, "mpegts"),
    ],
)
def test_a_container_is_known_by_its_first_bytes(head: bytes, container: str) -> None:
    assert sniff_container(head) == container


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "empty"),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", "an HLS playlist"),
        (b"\xef\xbb\xbf\r\n #EXTM3U\n", "an HLS playlist"),
        (b"ffconcat version 1.0\nfile secret.mp4\n", "an ffconcat script"),
        (b"Dear Sir or Madam,\n", "text, not a video"),
        (b"\x00\x01\x02\x03\x04\x05\x06\x07", "unknown container (it starts with 00 01 02 03 04 05 06 07)"),
        (b"\x47" + b"\0" * 400, "unknown container"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "unknown container"),
    ],
)
def test_everything_else_is_refused_in_words(head: bytes, words: str) -> None:
    with pytest.raises(RefusedError, match=words.replace("(", r"\(").replace(")", r"\)")):
        sniff_container(head)


@given(st.binary(max_size=4096))
def test_no_bytes_crash_the_sniffer(head: bytes) -> None:
    with suppress(RefusedError):
        assert sniff_container(head) in {"mov", "matroska", "mpegts", "flv"}


def test_a_foreign_file_is_opened_by_a_forced_demuxer_that_may_open_only_files() -> None:
    options = input_options("mov", max_pixels=99)
    assert (options["f"], options["protocol_whitelist"], options["max_pixels"]) == ("mov", "file", 99)
    assert set(options) >= {"max_streams", "codec_whitelist"}


def test_tracks_are_read_with_their_places_on_the_clock() -> None:
    info = parsed(VIDEO, AUDIO, start_time="29.98", duration="60.0")
    video = info.require_video()
    assert (video.size, video.frame_rate, video.frames) == (Size(3840, 1920), Fraction(30), 900)
    assert (video.start_s, video.duration_s) == (30.0, 30.0)
    assert info.audio is not None
    assert (info.audio.channels, info.audio.sample_rate, info.audio.start_s) == (2, 48_000, 29.98)
    assert info.duration_s == 30.0, "not the format's, which counts the empty stretch before a part's start"


def test_a_video_that_was_turned_has_the_size_that_is_shown() -> None:
    turned = {**VIDEO, "side_data_list": [{"side_data_type": "Display Matrix", "rotation": -90}]}
    assert parsed(turned).require_video().size == Size(1920, 3840)


@pytest.mark.parametrize(("tag", "expected"), [("bt709", "bt709"), ("smpte170m", "smpte170m"), ("unknown", None)])
def test_colours_are_what_the_track_is_tagged_with(tag: str, expected: str | None) -> None:
    assert parsed({**VIDEO, "color_space": tag}).require_video().colour.matrix == expected
    assert parsed(VIDEO).require_video().colour.matrix is None


@pytest.mark.parametrize("rate", ["0/0", "1/0", "", "x/y", "90000/1"])
def test_a_senseless_frame_rate_falls_back(rate: str) -> None:
    assert parsed({**VIDEO, "avg_frame_rate": rate}).require_video().frame_rate == 30


def test_a_cover_picture_is_no_video() -> None:
    cover = {**VIDEO, "codec_name": "mjpeg", "disposition": {"attached_pic": 1}}
    with pytest.raises(RefusedError, match="only audio"):
        parsed(cover, AUDIO).require_video()


def test_a_track_without_a_size_is_no_video() -> None:
    with pytest.raises(RefusedError, match="no video track"):
        parsed({**VIDEO, "width": 0}).require_video()


def test_the_sphere_is_read_from_the_file_and_guessed_from_its_shape_last() -> None:
    told = {**VIDEO, "side_data_list": [{"side_data_type": "Spherical Mapping", "projection": "cubemap"}]}
    assert parsed(told).projection == Projection.CUBEMAP
    assert parsed({**VIDEO, "height": 3840}).stereo == Stereo.TOP_BOTTOM
    xml = b"<GSpherical:StereoMode>left-right<"
    assert parsed(VIDEO, spherical=xml).stereo == Stereo.LEFT_RIGHT
    assert parsed(VIDEO).projection == Projection.EQUIRECTANGULAR


@pytest.mark.parametrize("text", ["", "{", "[]", '{"streams": 7}', '{"streams": [{"width": "wide"}]}'])
def test_an_answer_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="makes no sense"):
        parse_probe("mov", text)


async def test_a_file_that_ffprobe_cannot_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(b"\x00\x00\x00\x20ftypisom" + b"\0" * 400)
    with pytest.raises(RefusedError, match="cannot be read: ") as caught:
        await probe(path, max_pixels=1 << 26)
    assert str(tmp_path) not in str(caught.value), "where it lies is nobody's business"
