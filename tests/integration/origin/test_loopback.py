"""`origin.packager = "nginx-rtmp"`: nginx-rtmp cuts MPEG-TS segments while a stream lasts, and nothing of it stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import m3u8
import pytest

from panocast.process import Command, run
from tests.integration.origin.encoder import argv, publishing
from tests.integration.origin.media import decoded, packets
from tests.integration.origin.running import Origin, running_origin
from tests.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Origin]:
    async with running_origin(tmp_path, packager="nginx-rtmp") as running:
        yield running


async def segments(origin: Origin, uri: str, at_least: int) -> list[str]:
    """The URIs of a media playlist once it names some segments."""

    async def named() -> list[str]:
        status, text, _ = await origin.get(f"/hls/{uri}")
        found = [str(segment.uri) for segment in m3u8.loads(text).segments] if status == 200 else []
        return found if len(found) >= at_least else []

    return await eventually(named, within_s=90)


def segments_of(origin: Origin, uri: str) -> list[Path]:
    """The files of a rung's finished segments."""
    folder = origin.paths.hls / uri.split("/")[0]
    return [folder / str(segment.uri) for segment in m3u8.loads((folder / "index.m3u8").read_text()).segments]


async def children(origin: Origin, program: str = "ffmpeg") -> list[str]:
    """The agent's processes of a name."""
    assert origin.agent.process
    listing = await run(Command("ps", ["ps", "-eo", "ppid=,comm="]))
    parent = str(origin.agent.process.pid)
    return [line for line in listing if line.split()[0] == parent and program in line]


async def test_every_rung_plays_and_all_agree(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"), size="1000x500")):
        entry = await origin.playable("cam", [1000, 960, 480])
        assert (entry["url"], entry["origin"], entry["warnings"]) == ("/hls/cam.m3u8", "primary", [])
        assert (entry["projection"], entry["stereo"]) == ("equirectangular", "mono")
        variants = await origin.variants("cam")
        assert {v.stream_info.resolution for v in variants} == {(1000, 500), (960, 480), (480, 240)}
        assert variants[0].stream_info.resolution == (1000, 500), "a player starts at the largest up to 1920"
        assert all(v.stream_info.codecs.startswith("avc1.") for v in variants)
        assert all(v.stream_info.codecs.endswith(",mp4a.40.2") for v in variants)
        assert all(v.stream_info.frame_rate == 30 for v in variants)
        named = [(variant.uri, (await segments(origin, variant.uri, 3))[:3]) for variant in variants]
        keyframes = []
        for uri, names in named:
            found = []
            for file in [origin.paths.hls / uri.split("/")[0] / name for name in names]:
                assert await decoded(file) == 30
                video = [p for p in await packets(file) if p.track == "video"]
                assert video[0].keyframe
                assert not any(p.keyframe for p in video[1:])
                found.append(round(video[0].pts_s, 3))
            keyframes.append(found)
        assert keyframes[0] == keyframes[1] == keyframes[2]

        async def told_enough() -> bool:
            heaviest = [max(f.stat().st_size * 8 for f in segments_of(origin, v.uri)) for v in variants]
            return all(
                bits <= variant.stream_info.bandwidth
                for bits, variant in zip(heaviest, await origin.variants("cam"), strict=True)
            )

        await eventually(told_enough, within_s=60)


async def test_caching_is_told_with_every_answer(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"))):
        await origin.playable("cam")
        _, _, playlist = await origin.get("/hls/cam.m3u8")
        (name, *_) = await segments(origin, "cam_480/index.m3u8", 1)
        status, _, segment = await origin.get(f"/hls/cam_480/{name}")
        _, _, media = await origin.get("/hls/cam_480/index.m3u8")
        missing_status, _, missing = await origin.get("/hls/nobody.m3u8")
        gone_status, _, gone = await origin.get("/hls/cam_480/1.ts")
    assert (status, missing_status, gone_status) == (200, 404, 404)
    assert playlist["Cache-Control"] == media["Cache-Control"] == "public, max-age=1"
    assert segment["Cache-Control"] == "public, max-age=3600, immutable"
    assert missing["Cache-Control"] == gone["Cache-Control"] == "no-store"
    assert playlist["Content-Type"] == media["Content-Type"] == "application/vnd.apple.mpegurl"
    assert segment["Content-Type"] == "video/mp2t"
    for headers in (playlist, media, segment, missing):
        assert headers["X-Origin"] == "primary"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Server"] == "nginx"


async def test_what_ended_is_gone_and_what_starts_again_is_new(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"))):
        await origin.playable("cam")
        old = await segments(origin, "cam_480/index.m3u8", 3)

    async def gone() -> bool:
        return (await origin.get("/hls/cam.m3u8"))[0] == 404 and await origin.entry("cam") is None

    await eventually(gone)
    async with publishing(argv(origin.url("cam"))):
        await origin.playable("cam")
        new = await segments(origin, "cam_480/index.m3u8", 1)
        assert not set(old) & set(new)
    await eventually(lambda: not list(origin.paths.hls.iterdir()))

    async def no_ladder() -> bool:
        return not await children(origin)

    await eventually(no_ladder)


async def test_the_stream_goes_on_over_a_killed_agent(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"))) as encoder:
        since = (await origin.playable("cam"))["since"]
        before = await segments(origin, "cam_480/index.m3u8", 3)
        await origin.agent.kill()
        assert (await origin.get("/hls/cam.m3u8"))[0] == 200, "viewers keep what they have"
        await origin.agent.start()
        assert (await origin.playable("cam"))["since"] == since

        async def goes_on() -> bool:
            names = await segments(origin, "cam_480/index.m3u8", 3)
            return before[-1] in names and len(names) - names.index(before[-1]) > 3

        await eventually(goes_on, within_s=90)
        assert encoder.returncode is None
