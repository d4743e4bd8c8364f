"""Guarantees 2 and 12: files that lie about what they hold, or hold far too much, are refused in words and soon."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from panocast.process import Command, run
from tests.integration.transcoder.boxes import alias, replaced, table
from tests.integration.transcoder.site import Site, ffmpeg, make_video

pytestmark = pytest.mark.slow

# In a process of its own: the kernel counts our memory as the child's, and a test runner has more than any probe.
LOOK = """
import asyncio, json, sys
from pathlib import Path
from panocast.errors import RefusedError
from panocast.probe import probe
from panocast.process import metered
from panocast.settings import TranscoderSettings
from transcoder.limits import refuse_absurd

async def look():
    settings, said = TranscoderSettings(), ""
    with metered() as meter:
        try:
            refuse_absurd(await probe(Path(sys.argv[1]), max_pixels=settings.max_pixels), settings)
        except RefusedError as error:
            said = str(error)
    print(json.dumps({"said": said, "cpu_s": meter.usage.cpu_s, "peak_bytes": meter.usage.peak_bytes}))

asyncio.run(look())
"""


async def look_at(path: Path) -> tuple[str, float, int]:
    """What is said of a file, and what it took to say so: CPU seconds, peak bytes."""
    command = Command("look", [sys.executable, "-c", LOOK, str(path)], env={**os.environ, "PYTHONPATH": os.curdir})
    seen = json.loads((await run(command, timeout_s=120))[-1])
    return seen["said"], seen["cpu_s"], seen["peak_bytes"]


async def test_a_bomb_of_pixels_is_refused_with_little_memory(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.mp4"
    black = ("-f", "lavfi", "-i", "color=black:size=16384x8192:rate=1", "-frames:v", "1")
    ffmpeg(*black, "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", bomb)
    assert bomb.stat().st_size < 750_000
    said, _, peak = await look_at(bomb)
    assert "pictures of 16384x8192 have more than 67108864 pixels" in said
    assert peak < 300_000_000


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small MP4 without sound, its index behind its media."""
    path = make_video(tmp_path_factory.mktemp("plain") / "plain.mp4", 1, size="320x160", sound=False)
    return path.read_bytes()


async def test_a_file_that_declares_millions_of_tiny_samples_is_refused(tmp_path: Path, plain: bytes) -> None:
    many = 50_000_000
    forged = replaced(plain, b"stsz", table(1, many))
    forged = replaced(forged, b"stts", table(1, many, 512))
    forged = replaced(forged, b"stsc", table(1, 1, many, 1))
    path = tmp_path / "many.mp4"
    path.write_bytes(forged)
    said, cpu_s, peak = await look_at(path)
    assert said
    assert peak < 1_300_000_000
    assert cpu_s < 31


async def test_an_absurd_duration_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    apart = ("-vf", "setpts=N*60000/TB", "-fps_mode", "passthrough", "-enc_time_base", "1:1", "-bf", "0")
    pictures = ("-f", "lavfi", "-i", "testsrc2=size=64x32:rate=1:duration=3")
    ffmpeg(*pictures, *apart, "-c:v", "libx264", "-video_track_timescale", "100", path)
    said, _, _ = await look_at(path)
    assert "hours; at most 24 are taken (setting transcoder.max_duration_s)" in said


async def test_a_stream_that_never_says_what_it_is_is_not_probed_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "nothing.ts"
    path.write_bytes((b"\x47\x1f\xff\x10" + b"\xff" * 184) * 200_000)
    said, cpu_s, _ = await look_at(path)
    assert "no video track" in said or "cannot be read" in said
    assert cpu_s < 31


async def test_a_codec_that_panocast_does_not_take_is_never_decoded(tmp_path: Path) -> None:
    path = tmp_path / "pictures.mov"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x32:rate=1:duration=1", "-c:v", "exr", path)
    said, _, _ = await look_at(path)
    assert said == "it holds exr, which panocast does not decode: convert it to H.264 and AAC"


async def test_more_tracks_than_any_camera_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tracks.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.1", *["-map", "0:a"] * 70, "-c:a", "aac", path)
    said, _, _ = await look_at(path)
    assert "more tracks than are taken" in said


async def test_a_file_whose_media_is_said_to_be_in_another_reads_no_other(site: Site, plain: bytes) -> None:
    """Guarantee 2: QuickTime's references to other files. The secret is where the reference leads."""
    scratch = site.place().scratch
    scratch.mkdir()
    (scratch / "secret.mp4").write_bytes(plain)
    key = site.upload("x.mp4", replaced(plain, b"dref", alias("secret.mp4")))
    await site.work()
    assert site.failed(key)["tries"] == 1
    assert len(site.keys("")) == 1, "nothing but the words about it"
    assert list(site.ingest.list("recordings/")) == []
