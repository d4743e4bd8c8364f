"""What one recorded file holds, and the command that remuxes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from origin.clock import Beat
from origin.part import Flv, cut_out, read_flv, remux_argv
from tests.unit.origin.flvs import AAC_HEADER, AVC_HEADER, avc_frame, flv, stream, tag


def read(tmp_path: Path, data: bytes) -> Flv:
    (tmp_path / "a.flv").write_bytes(data)
    return read_flv(tmp_path / "a.flv")


def test_a_file_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, stream(30))
    assert (len(found.beat.video_ms), len(found.beat.audio_ms)) == (30, 30)
    assert (found.video_codec, found.audio_codec, found.video_headers) == (7, 10, 1)
    assert found.end_ms == pytest.approx(1000, abs=1)
    assert found.usable


@pytest.mark.parametrize("data", [b"", b"FLV", flv(), stream(30, audio=True)[:40], flv(tag(9, 0, b"\x22sorenson"))])
def test_without_pictures_it_is_of_no_use_and_no_crash(tmp_path: Path, data: bytes) -> None:
    assert not read(tmp_path, data).usable


def test_a_cut_off_frame_does_not_count(tmp_path: Path) -> None:
    assert len(read(tmp_path, stream(30, audio=False)[:-3]).beat.video_ms) == 29


def argv(**changes: object) -> list[str]:
    values = {"beat": Beat(), "video_codec": 7, "audio_codec": 10, "end_ms": 0, "video_headers": 1, **changes}
    return remux_argv(Path("/r/cam-1.flv"), Flv(**values), 30033, Path("/t/1.mp4"))  # type: ignore[arg-type]


def test_the_place_on_the_clock_is_in_the_command() -> None:
    words = argv()
    assert words[words.index("-output_ts_offset") + 1] == "30.033"
    assert words[words.index("-avoid_negative_ts") + 1] == "disabled"
    assert words[words.index("-c") + 1] == "copy"
    assert "-bsf:v" not in words


def test_a_changed_picture_carries_its_parameters_along(tmp_path: Path) -> None:
    changed = AVC_HEADER[:-1] + b"\x1f"
    found = read(tmp_path, flv(tag(9, 0, AVC_HEADER), tag(9, 0, avc_frame(key=True)), tag(9, 33, changed)))
    assert found.video_headers == 2
    assert "h264_mp4toannexb" in argv(video_headers=2)


def test_sound_that_mp4_cannot_carry_is_encoded() -> None:
    assert "-c:a" not in argv(audio_codec=2)
    words = argv(audio_codec=11)
    assert words[words.index("-c:a") + 1] == "aac"
    assert "0:a:0?" not in argv(audio_codec=None)


def test_a_stretch_of_a_growing_file_ends_before_its_last_gop(tmp_path: Path) -> None:
    path = tmp_path / "a.flv"
    path.write_bytes(stream(75))
    whole = read_flv(path)
    first = read_flv(path, 0, whole.cut)
    rest = read_flv(path, whole.cut)
    assert len(first.beat.video_ms) == 60
    assert first.beat.video_ms + rest.beat.video_ms == whole.beat.video_ms
    assert first.beat.audio_ms + rest.beat.audio_ms == whole.beat.audio_ms
    assert rest.cut == 0, "no whole GOP yet"
    assert (first.video_headers, rest.video_headers) == (1, 1)


def test_a_stretch_cut_out_holds_its_frames_behind_the_codecs_headers(tmp_path: Path) -> None:
    path = tmp_path / "a.flv"
    path.write_bytes(stream(75))
    whole = read_flv(path)
    cut_out(path, whole.cut, None, tmp_path / "b.flv")
    found = read_flv(tmp_path / "b.flv")
    assert found.beat == read_flv(path, whole.cut).beat
    data = (tmp_path / "b.flv").read_bytes()
    assert data.index(AVC_HEADER) < data.index(AAC_HEADER) < data.index(avc_frame(key=True))
