"""What encoders send that is not as it should be: taken where possible, else refused in words; the rest goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.origin.encoder import argv, publish, publishing
from tests.integration.origin.media import changing, packets
from tests.integration.origin.running import Origin, running_origin
from tests.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Origin]:
    async with running_origin(tmp_path) as running:
        yield running


async def test_video_without_audio_is_a_normal_stream(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"), audio=None, seconds=9)) as encoder:
        await origin.playable("cam")
        variants = await origin.variants("cam")
        assert len(variants) == 2
        assert not any("mp4a" in v.stream_info.codecs for v in variants)
        assert await encoder.wait() == 0
    (session,) = await origin.closed("cam")
    assert {p.track for file in session.glob("*.mp4") for p in await packets(file)} == {"video"}


async def test_mp3_is_encoded_for_viewers(origin: Origin) -> None:
    words = argv(origin.url("cam"), audio=("-c:a", "libmp3lame", "-ar", "44100", "-b:a", "64k"))
    async with publishing(words):
        await origin.playable("cam")
        assert all("mp4a.40.2" in v.stream_info.codecs for v in await origin.variants("cam"))
        (segment, *_) = sorted((origin.paths.hls / "cam_640").glob("*.ts"))
        assert {p.track for p in await packets(segment)} == {"video", "audio"}


async def test_what_can_never_play_is_dropped_in_words_and_the_rest_goes_on(origin: Origin) -> None:
    async with publishing(argv(origin.url("good"))) as good:
        await origin.playable("good")
        old, mute = await asyncio.gather(
            publish(argv(origin.url("sorenson"), video=("-c:v", "flv", "-b:v", "200k")), timeout_s=20),
            publish(argv(origin.url("sound"), video=None), timeout_s=20),
        )
        assert old.returncode
        assert mute.returncode
        assert "Sorenson-H263: set the encoder to H.264" in (await origin.refused("sorenson") or "")
        assert "only sound (AAC)" in (await origin.refused("sound") or "")
        await eventually(lambda: not list(origin.paths.recordings.glob("so*")))
        assert not origin.recordings("sorenson")
        assert not origin.recordings("sound")
        assert good.returncode is None
        assert [entry["name"] for entry in (await origin.live())["live"]] == ["good"]
    assert "sorenson: refused" in origin.everything_said()


async def test_keyframes_too_far_apart_are_reported_in_words(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"), gop_s=5)):
        entry = await origin.playable("cam", timeout_s=30)

        async def told() -> list[str]:
            entry = await origin.entry("cam")
            return [w for w in (entry or {"warnings": []})["warnings"] if "keyframes every 5.0 s" in w]

        (warning,) = await eventually(told)
        assert "set the keyframe interval to 2 s" in warning
        assert entry["rungs"] == [640, 480]


async def test_short_gops_are_joined(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"), gop_s=0.5)):
        entry = await origin.playable("cam")
        assert entry["warnings"] == []
        (segment, *_) = sorted((origin.paths.hls / "cam_640").glob("*.ts"))
        assert sum(p.track == "video" for p in await packets(segment)) == 30


async def test_a_changed_picture_gets_a_new_ladder_and_a_warning(origin: Origin, tmp_path: Path) -> None:
    async with publishing(await changing(tmp_path, origin.url("cam"), ("640x320", "800x400"), 8)):
        assert (await origin.playable("cam"))["rungs"] == [640, 480]

        async def changed() -> bool:
            entry = await origin.entry("cam")
            return bool(entry) and entry["rungs"] == [800, 480]  # type: ignore[index]

        await eventually(changed, within_s=20)
        entry = await origin.entry("cam")
        assert entry
        assert "the source changed from 640x320 with AAC audio to 800x400" in entry["warnings"][0]
        assert {v.stream_info.resolution for v in await origin.variants("cam")} == {(800, 400), (480, 240)}
