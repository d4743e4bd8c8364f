"""What encoders send that is not as it should be: taken where possible, else refused in words; the rest goes on."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from panocast.feed import FeedSegment
from tests.integration.origin.encoder import argv, publish, publishing
from tests.integration.origin.live_checker import LiveChecker
from tests.integration.origin.media import frame_widths, packets
from tests.integration.origin.rtmp import AUDIO, VIDEO, Message, Publisher, messages, publisher
from tests.integration.origin.running import Origin, running_origin
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def origin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Origin]:
    """One for all: what one stream does may not hurt another."""
    async with running_origin(tmp_path_factory.mktemp("origin")) as running:
        yield running


@pytest.fixture
def cam(request: pytest.FixtureRequest) -> str:
    """A stream's name of the test's own."""
    return re.sub("[^a-z0-9]+", "-", request.node.name)[-60:].strip("-")


async def test_video_without_audio_is_a_normal_stream(origin: Origin, cam: str) -> None:
    async with publishing(argv(origin.url(cam), audio=None)) as encoder:
        await origin.playable(cam, [640, 480])
        variants = await origin.variants(cam)
        assert len(variants) == 2
        assert not any("mp4a" in v.stream_info.codecs for v in variants)
        assert encoder.returncode is None
    (session,) = await origin.closed(cam)
    assert {p.track for file in session.glob("*.mp4") for p in await packets(file)} == {"video"}


async def test_mp3_is_encoded_for_viewers(origin: Origin, cam: str, tmp_path: Path) -> None:
    words = argv(origin.url(cam), audio=("-c:a", "libmp3lame", "-ar", "44100", "-b:a", "64k"))
    async with publishing(words):
        await origin.playable(cam)
        assert all("mp4a.40.2" in v.stream_info.codecs for v in await origin.variants(cam))
        segment = (await origin.segments(cam, 640, 2))[-1]
        found = await packets(await origin.media(cam, 640, segment, tmp_path))
        assert {p.track for p in found} == {"video", "audio"}


async def test_what_can_never_play_is_dropped_in_words_and_the_rest_goes_on(origin: Origin) -> None:
    async with publishing(argv(origin.url("good"))) as good:
        await origin.playable("good")
        old, mute = await asyncio.gather(
            publish(argv(origin.url("sorenson"), video=("-c:v", "flv", "-b:v", "200k"))),
            publish(argv(origin.url("sound"), video=None)),
        )
        assert old.returncode
        assert mute.returncode
        assert "Sorenson-H263: set the encoder to H.264" in (await origin.refused("sorenson") or "")
        assert "only sound (AAC)" in (await origin.refused("sound") or "")
        await eventually(lambda: not list(origin.paths.recordings.glob("so*")))
        assert not origin.recordings("sorenson")
        assert not origin.recordings("sound")
        assert good.returncode is None
        assert {"good"} == {entry["name"] for entry in (await origin.live())["live"]} & {"good", "sorenson", "sound"}
    assert "sorenson: refused" in origin.everything_said()


@pytest.mark.parametrize(("gop_s", "frames"), [(0.5, 30), (1 / 30, 30)])
async def test_gops_of_any_length_become_segments(
    origin: Origin, cam: str, tmp_path: Path, gop_s: float, frames: int
) -> None:
    async with publishing(argv(origin.url(cam), gop_s=gop_s)):
        await origin.playable(cam)
        checker = LiveChecker(origin.file, cam)
        for width in (640, 480):
            segment = (await origin.segments(cam, width, 2))[-1]
            found = await packets(await origin.media(cam, width, segment, tmp_path))
            assert sum(p.track == "video" for p in found) == frames
        await checker.refresh()
        assert not checker.problems


async def test_keyframes_every_ten_seconds_play_in_every_rung_and_are_reported_in_words(
    origin: Origin, cam: str, tmp_path: Path
) -> None:
    async with publishing(argv(origin.url(cam), gop_s=10, fps=15)):
        await origin.playable(cam, [640, 480])
        for width in (640, 480):
            segment = (await origin.segments(cam, width))[0]
            found = await packets(await origin.media(cam, width, segment, tmp_path))
            assert sum(p.track == "video" for p in found) == 150
        checker = LiveChecker(origin.file, cam)
        await checker.refresh()
        assert not checker.problems

        async def told() -> list[str]:
            entry = await origin.entry(cam)
            return [w for w in (entry or {"warnings": []})["warnings"] if "keyframes every 10.0 s" in w]

        (warning,) = await eventually(told)
        assert "set the keyframe interval to 2 s" in warning


async def test_a_changed_picture_gets_a_new_ladder_and_a_warning(origin: Origin, cam: str, tmp_path: Path) -> None:
    before, after = [await clip(tmp_path, seconds=60, size=size) for size in ("640x320", "800x400")]
    change = asyncio.Event()

    def camera() -> Iterator[Message]:
        at = 0
        for message in before:
            if change.is_set():
                break
            at = message.time_ms
            yield message
        for message in after:
            yield replace(message, time_ms=message.time_ms + at + 66)

    async with publisher(origin.url(cam)) as encoder, sending(encoder, camera()):
        await origin.playable(cam, [640, 480])
        change.set()

        async def changed() -> dict[str, Any] | None:
            entry = await origin.entry(cam)
            return entry if entry and entry["rungs"] == [800, 480] else None

        entry = await eventually(changed, within_s=90)
        assert entry
        assert "the source changed from 640x320 to 800x400" in entry["warnings"][0]
        assert {v.stream_info.resolution for v in await origin.variants(cam)} == {(800, 400), (480, 240)}
        feed = await origin.feed(cam)
        assert feed
        (seam,) = [n for n, segment in enumerate(feed.segments) if segment.discontinuity]
        near = [(width, s) for s in feed.segments[max(0, seam - 3) : seam + 3] for width in s.rungs]
        files = [(width, await origin.media(cam, width, segment, tmp_path)) for width, segment in near]
        assert {width for width, _ in files} == {640, 480, 800}
        for width, file in files:
            assert set(await frame_widths(file)) == {width}, "no frame is under another one's header"
        checker = LiveChecker(origin.file, cam)
        await checker.refresh()
        assert not checker.problems
        assert checker.discontinuities == 1


def retimed(words: list[str], video: str, audio: str) -> list[str]:
    """The same encoder with its timestamps (ms) changed by these expressions, N being the number of the packet."""
    at = len(words) - 5
    assert words[at] == "-f"
    filters = [("-bsf:v", video), ("-bsf:a", audio)]
    changed = [word for option, by in filters for word in (option, f"setts=pts=PTS+{by}:dts=DTS+{by}")]
    return [*words[:at], *changed, *words[at:]]


async def test_timestamps_that_jump_are_a_seam_in_a_sound_stream(origin: Origin, cam: str) -> None:
    jumping = retimed(argv(origin.url(cam)), "3600000*gte(N\\,120)", "3600000*gte(N\\,188)")
    async with publishing(jumping) as encoder:
        await origin.playable(cam)
        checker = LiveChecker(origin.file, cam)

        async def over_it() -> bool:
            await checker.refresh()
            return checker.discontinuities == 1 and all(count >= 5 for count in checker.seen.values())

        await eventually(over_it, within_s=90, every_s=0.5)
        assert not checker.problems
        assert encoder.returncode is None


async def test_timestamps_that_stand_still_are_refused_in_words(origin: Origin, cam: str) -> None:
    """ffmpeg, as nginx-rtmp, holds a clock that goes back where it was."""
    standing = retimed(argv(origin.url(cam)), "-3600000*gte(N\\,120)", "-3600000*gte(N\\,188)")
    assert (await publish(standing)).returncode
    assert "timestamps stand still" in (await origin.refused(cam) or "")


async def test_hevc_in_enhanced_rtmp_is_refused_in_words(origin: Origin, cam: str, tmp_path: Path) -> None:
    sound = [message for message in await clip(tmp_path, seconds=15) if message.kind == AUDIO]
    # A sequence's start, then coded frames: the codec's four letters stand behind the first byte.
    pictures = [Message(VIDEO, 0, b"\x90hvc1" + bytes(30))]
    pictures += [Message(VIDEO, at, b"\xa1hvc1" + bytes(203)) for at in range(0, 60_000, 66)]
    async with publisher(origin.url(cam)) as encoder:
        with pytest.raises(OSError, match=r"lost|reset|Broken"):
            await encoder.send(sorted(pictures + sound, key=lambda message: message.time_ms))
    assert "its video is HEVC, AV1, VP9 or the like: set the encoder to H.264" in (await origin.refused(cam) or "")


@pytest.mark.parametrize("bits", [31, 32])
async def test_a_clock_that_wraps_is_at_most_a_seam(origin: Origin, cam: str, tmp_path: Path, bits: int) -> None:
    """RTMP's clock has 32 bits of ms, and some readers take the highest for a sign: after 25 days, and after 50."""
    sent = await clip(tmp_path, seconds=60)
    async with publisher(origin.url(cam)) as encoder, sending(encoder, sent, shift_ms=(1 << bits) - 4000):
        await origin.playable(cam)
        checker = LiveChecker(origin.file, cam)

        async def over_it() -> bool:
            await checker.refresh()
            return bool(checker.seen) and all(count >= 7 for count in checker.seen.values())

        await eventually(over_it, within_s=90, every_s=0.5)
        assert not checker.problems
        assert checker.discontinuities <= 1


async def clip(folder: Path, *, seconds: float, size: str = "640x320") -> list[Message]:
    """What a small camera sends."""
    path = folder / "clip.flv"
    words = argv(str(path), seconds=seconds, size=size, fps=15, realtime=False)
    assert (await publish(["ffmpeg", "-y", *words[1:]])).returncode == 0
    return messages(path)


@asynccontextmanager
async def sending(encoder: Publisher, sent: Iterable[Message], shift_ms: int = 0) -> AsyncIterator[None]:
    """Send while the block runs."""
    task = asyncio.create_task(encoder.send(sent, shift_ms))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_pictures_go_on_without_the_sound(origin: Origin, cam: str) -> None:
    words = argv(origin.url(cam))
    words[words.index("sine=sample_rate=48000")] = "sine=sample_rate=48000:duration=3"
    words[-1:-1] = ["-max_interleave_delta", "100000"]  # or the encoder itself would wait for it
    async with publishing(words):
        await origin.playable(cam)
        checker = LiveChecker(origin.file, cam)

        async def long_after() -> bool:
            await checker.refresh()
            return bool(checker.seen) and all(count >= 8 for count in checker.seen.values())

        await eventually(long_after, within_s=90, every_s=0.5)
        assert not checker.problems
        assert checker.discontinuities == 0


@pytest.mark.parametrize(("missing", "until_s"), [(VIDEO, 15), (AUDIO, 8)], ids=["picture", "sound"])
async def test_what_vanishes_for_a_while_is_waited_for(
    origin: Origin, cam: str, tmp_path: Path, missing: int, until_s: int
) -> None:
    """A camera or a microphone is unplugged, and plugged in again."""
    gone = range(4000, until_s * 1000)
    sent = [m for m in await clip(tmp_path, seconds=until_s + 60) if m.kind != missing or m.time_ms not in gone]
    async with publisher(origin.url(cam)) as encoder, sending(encoder, sent):
        await origin.playable(cam)
        first = (await origin.segments(cam, 640))[0]
        checker = LiveChecker(origin.file, cam)

        async def back() -> FeedSegment | None:
            await checker.refresh()
            newest = (await origin.segments(cam, 480))[-1]
            return newest if newest.end_ms > first.date_ms + (until_s + 3) * 1000 else None

        newest = await eventually(back, within_s=90, every_s=0.5)
        assert newest
        found = await packets(await origin.media(cam, 480, newest, tmp_path))
        assert {packet.track for packet in found} == {"video", "audio"}
        entry = await origin.entry(cam)
        assert entry
        assert entry["warnings"] == []
    assert not checker.problems


async def whole_behind_the_shed(origin: Origin) -> bool:
    """The rung that stays has the moment at which the other one ended behind it, and lacks nothing."""
    feed = await origin.feed("cam")
    assert feed
    assert not await origin.holes("cam", 480)
    last = max(segment.number for segment in feed.segments if 960 in segment.rungs)
    return any(segment.number > last + 1 and 480 in segment.rungs for segment in feed.segments)


async def test_a_machine_that_is_too_slow_sheds_the_largest_rung(tmp_path: Path) -> None:
    """An ffmpeg in front of the real one takes its time wherever it encodes more than one rung."""
    slow = tmp_path / "bin" / "ffmpeg"
    slow.parent.mkdir()
    slow.write_text(
        "#!/bin/sh\n"
        'case "$*" in *libx264*libx264*) set -- -readrate 0.6 "$@";; esac\n'
        f'exec {shutil.which("ffmpeg")} "$@"\n'
    )
    slow.chmod(0o755)
    path = f"{slow.parent}:{os.environ['PATH']}"
    async with (
        running_origin(tmp_path, environment={"PATH": path}) as origin,
        publishing(argv(origin.url("cam"), size="1000x500")),
    ):
        await origin.playable("cam")

        async def shed() -> dict[str, Any] | None:
            entry = await origin.entry("cam")
            return entry if entry and (entry["shed"], entry["rungs"]) == ([960], [1000, 480]) else None

        async def slow_it_says() -> bool:
            figure = await origin.figure('panocast_ladder_speed_ratio{stream="cam"}')
            return figure is not None and 0.3 < figure < 0.9

        # A minute after a rung was shed it is tried again, so that who missed the first time waits for the second.
        await eventually(slow_it_says, within_s=180)
        entry = await eventually(shed, within_s=180)
        assert entry
        assert "too slow for every rung: without 960" in entry["warnings"][0]
        assert (await origin.get("/hls/cam_960/index.m3u8"))[0] == 404, "players go to another rung"
        checker = LiveChecker(origin.file, "cam")
        await checker.refresh()
        assert not checker.problems
        assert set(checker.variants) == {"cam_1000/index.m3u8", "cam_480/index.m3u8"}
        await eventually(lambda: whole_behind_the_shed(origin))
        assert not await origin.holes("cam", 1000), "the source goes on"
    assert "rungs shed: 960" in origin.everything_said()
