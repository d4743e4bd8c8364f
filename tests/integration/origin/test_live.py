"""A published stream becomes HLS in every rung, on one timeline, whatever happens to its encoder and to us."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from origin.packager.shelf import Shelf
from origin.timeline.place import Place
from panocast.feed import WAIT_S, FeedSegment, State
from tests.integration.origin.encoder import H264, argv, publishing
from tests.integration.origin.live_checker import LiveChecker
from tests.integration.origin.media import decoded, packets
from tests.integration.origin.running import Origin, running_origin
from tests.waiting import eventually

pytestmark = pytest.mark.slow

# One test comes back within it, and then waits for all of it.
GRACE_S = 8.0


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Origin]:
    async with running_origin(tmp_path, grace_s=GRACE_S) as running:
        yield running


@asynccontextmanager
async def refreshing(checker: LiveChecker) -> AsyncIterator[None]:
    """Refresh every playlist of a stream twice a second while the block runs; nothing may be wrong at its end."""

    async def go_on() -> None:
        while True:
            await checker.refresh()
            await asyncio.sleep(0.5)

    going_on = asyncio.create_task(go_on())
    try:
        yield
    finally:
        going_on.cancel()
        await asyncio.wait([going_on])
    assert going_on.cancelled(), going_on.exception()
    await checker.refresh()
    assert not checker.problems


@asynccontextmanager
async def checked(origin: Origin, name: str) -> AsyncIterator[LiveChecker]:
    """A checker at work."""
    checker = LiveChecker(origin.file, name)
    async with refreshing(checker):
        yield checker


async def newest(origin: Origin, name: str, width: int) -> int:
    return (await origin.segments(name, width))[-1].number


async def grows(origin: Origin, name: str, width: int, by: int = 2) -> None:
    """Wait until a rung has so many more segments."""
    before = await newest(origin, name, width)

    async def grown() -> bool:
        return await newest(origin, name, width) >= before + by

    await eventually(grown, within_s=90)


async def test_every_rung_plays_and_all_agree(origin: Origin, tmp_path: Path) -> None:
    async with publishing(argv(origin.url("cam"), size="1000x500")):
        entry = await origin.playable("cam", [1000, 960, 480])
        assert (entry["url"], entry["origin"], entry["warnings"]) == ("/hls/cam.m3u8", "primary", [])
        assert (entry["projection"], entry["stereo"], entry["shed"]) == ("equirectangular", "mono", [])
        variants = await origin.variants("cam")
        assert {v.stream_info.resolution for v in variants} == {(1000, 500), (960, 480), (480, 240)}
        assert variants[0].stream_info.resolution == (1000, 500), "a player starts at the largest up to 1920"
        assert all(v.stream_info.codecs.startswith("avc1.") for v in variants)
        assert all(v.stream_info.codecs.endswith(",mp4a.40.2") for v in variants)
        assert all(v.stream_info.frame_rate == 30 for v in variants)
        async with checked(origin, "cam") as checker:
            await grows(origin, "cam", 480, by=4)
        assert all(count >= 4 for count in checker.seen.values())
        for width in (1000, 960, 480):
            for segment in (await origin.segments("cam", width, 3))[-3:]:
                file = await origin.media("cam", width, segment, tmp_path)
                assert await decoded(file) == 30
                bits = segment.rungs[width].size * 8 / segment.duration_ms * 1000
                told = next(v.stream_info for v in await origin.variants("cam") if v.stream_info.resolution[0] == width)
                assert bits <= told.bandwidth
                assert told.average_bandwidth <= told.bandwidth


async def test_the_source_passes_through_untouched_and_its_sound_is_everywhere(origin: Origin, tmp_path: Path) -> None:
    async with publishing(argv(origin.url("cam"))):
        await origin.playable("cam")
        both = (await origin.segments("cam", 480, 3))[-2:]
        sounds = []
        for width in (640, 480):
            files = [await packets(await origin.media("cam", width, segment, tmp_path)) for segment in both]
            video = [p for found in files for p in found if p.track == "video"]
            assert len(video) == 60
            assert any(p.pts_s != p.dts_s for p in video) == (width == 640), "the source's B-frames are still there"
            sounds.append([p.pts_s for found in files for p in found if p.track == "audio"])
        assert sounds[0] == sounds[1]
        steps = [later - earlier for earlier, later in pairwise(sounds[0])]
        assert all(abs(step - 1024 / 48000) < 0.002 for step in steps), "no sound is missing between segments"


async def test_caching_is_told_with_every_answer(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"))):
        await origin.playable("cam")
        (segment, *_) = await origin.segments("cam", 480)
        answers = {
            what: await origin.get(path)
            for what, path in {
                "multivariant": "/hls/cam.m3u8",
                "media": "/hls/cam_480/index.m3u8",
                "segment": f"/hls/cam_480/{segment.name}",
                "init": f"/hls/cam_480/{segment.rungs[480].init}",
                "feed": "/feed/cam",
                "nobody": "/hls/nobody.m3u8",
                "no rung": "/hls/cam_320/index.m3u8",
                "no segment": f"/hls/cam_480/{segment.timeline}-1.m4s",
                "no feed": "/feed/nobody",
            }.items()
        }
        await origin.agent.kill()
        answers["away"] = await origin.get("/hls/cam.m3u8")
    caching = {what: headers["Cache-Control"] for what, (_, _, headers) in answers.items()}
    assert caching.pop("multivariant") == caching.pop("media") == "public, max-age=0, s-maxage=1"
    assert caching.pop("segment") == caching.pop("init") == "public, max-age=3600, immutable"
    assert set(caching.values()) == {"no-store"}
    statuses = {what: status for what, (status, _, _) in answers.items()}
    assert {what for what, status in statuses.items() if status == 404} == {
        "nobody",
        "no rung",
        "no segment",
        "no feed",
    }
    assert statuses["away"] == 503
    assert answers["media"][2]["Content-Type"].startswith("application/vnd.apple.mpegurl")
    assert answers["segment"][2]["Content-Type"] == "video/mp4"
    for _, _, headers in answers.values():
        assert headers["X-Origin"] == "primary"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Server"] == "nginx"


async def test_a_feed_tells_of_a_segment_as_soon_as_it_is_there(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"), gop_s=2)):
        await origin.playable("cam")
        feed = await origin.feed("cam")
        assert feed
        assert feed.state is State.LIVE
        clock = asyncio.get_running_loop().time
        waits: list[float] = []
        late_ms: list[int] = []
        async with asyncio.timeout(90):
            while len(late_ms) < 3:
                asked = clock()
                later = await origin.feed("cam", after=feed.cursor)
                assert later
                if later.version == feed.version:
                    continue  # nothing happened for as long as an answer waits
                assert later.version > feed.version
                waits.append(clock() - asked)
                if later.segments[-1].number > feed.segments[-1].number:
                    late_ms.append(later.now_ms - later.segments[-1].end_ms)
                feed = later
        assert max(waits) > 0.2, "it waited for news"
        assert min(waits) < WAIT_S - 1, "news end the wait"
        assert min(late_ms) < 2000, "the news are no news"
        assert await origin.feed("cam", after="another-life.7"), "who asks after another life gets this one at once"


async def test_an_encoder_that_comes_back_goes_on_with_a_seam(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"))):
        await origin.playable("cam")
        await origin.segments("cam", 480, 3)
    checker = LiveChecker(origin.file, "cam")
    await checker.refresh()

    async def in_state(*states: State) -> bool:
        feed = await origin.feed("cam")
        return feed is not None and feed.state in states

    await eventually(lambda: in_state(State.PAUSED))
    assert await origin.entry("cam") is None
    async with publishing(argv(origin.url("cam"))), refreshing(checker):
        await origin.playable("cam")
        await grows(origin, "cam", 480)
    assert checker.discontinuities == 1
    await eventually(lambda: in_state(State.ENDED), within_s=GRACE_S + 60)
    status, text, _ = await origin.get("/hls/cam_480/index.m3u8")
    assert (status, text.splitlines()[-1]) == (200, "#EXT-X-ENDLIST")
    await checker.refresh()
    assert not checker.problems
    assert not origin.ffmpegs()
    async with publishing(argv(origin.url("cam"))):
        last = checker.variants["cam_480/index.m3u8"].last
        await origin.playable("cam")
        assert (await origin.segments("cam", 480))[0].number > last, "an event of its own, whose numbers go forward"


async def test_the_timeline_goes_on_over_a_killed_agent(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"))) as encoder:
        since = (await origin.playable("cam"))["since"]
        before = (await origin.segments("cam", 480, 3))[-1]
        await origin.agent.kill()
        await origin.agent.start()
        assert (await origin.playable("cam"))["since"] == since
        after = (await origin.segments("cam", 480, 2))[-1]
        assert encoder.returncode is None
    assert after.timeline == before.timeline
    assert after.discontinuity_sequence == before.discontinuity_sequence
    assert after.number > before.number
    assert after.date_ms - before.date_ms == (after.number - before.number) * 1000, "the same clock"


async def test_either_ffmpeg_may_die_or_hang_and_the_other_goes_on(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"))):
        await origin.playable("cam")
        async with checked(origin, "cam"):
            passthrough = await running(origin, "passthrough")
            os.kill(await running(origin, "ladder"), signal.SIGKILL)
            await grows(origin, "cam", 480)
            await told_of(origin, "ladder")
            assert await running(origin, "passthrough") == passthrough
            assert not await origin.holes("cam", 640), "the source goes on"
            os.kill(passthrough, signal.SIGKILL)
            await grows(origin, "cam", 480)
            await told_of(origin, "passthrough")
            os.kill(await running(origin, "ladder"), signal.SIGSTOP)
            await grows(origin, "cam", 640, by=3)
            await grows(origin, "cam", 480)
            lost = set(await origin.holes("cam", 640))
            assert set(await origin.holes("cam", 480)) <= lost, "a ladder goes on where the one before it was"
            inits = {segment.rungs[480].init for segment in await origin.segments("cam", 480)}
            assert len(inits) == 1, "and writes the same headers"
            os.kill(await running(origin, "passthrough"), signal.SIGSTOP)
            await grows(origin, "cam", 640, by=3)  # more than it can have read before


async def running(origin: Origin, which: str) -> int:
    """The process id of one of the two ffmpeg, as soon as there is one."""
    pid = await eventually(lambda: origin.ffmpegs().get(which))
    assert pid
    return pid


async def told_of(origin: Origin, which: str) -> None:
    """Wait until the stream's owner is told that one of the two ffmpeg was started again."""

    async def told() -> bool:
        entry = await origin.entry("cam")
        return any(f"the {which} was started" in warning for warning in (entry["warnings"] if entry else ()))

    await eventually(told)


async def test_every_rung_has_the_first_gop_of_an_encoder_never_seen_before(origin: Origin) -> None:
    """Our reader is there before its first frame, and the ladder begins with what that has read."""
    hasty = (*H264, "-tune", "zerolatency")  # like a chip: nothing is held back at the start
    for name in ("cam", "cam1", "cam2"):
        async with publishing(argv(origin.url(name), video=hasty)):

            async def begun(name: str = name) -> tuple[FeedSegment, Place] | None:
                feed, kept = await origin.feed(name), Shelf(origin.paths.timelines).read(name)
                place = kept.timeline.place if kept and kept.timeline else None
                first = feed.segments[0] if feed and feed.segments else None
                return (first, place) if place and first and set(first.rungs) == {640, 480} else None

            found = await eventually(begun, within_s=90)
        if f"{name}: our reader was not there" not in origin.everything_said():
            break  # this machine was fast enough for the encoder to be kept waiting until it was there
    else:
        pytest.fail("our reader was never there in time")
    assert found
    first, place = found
    assert first.date_ms - place.offset_ms < 500, "an encoder's clock begins at 0"


async def test_figures_are_told_on_loopback_alone(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"))):
        await origin.playable("cam", [640, 480])

        async def told() -> bool:
            async with origin.http.get(f"http://127.0.0.1:{origin.settings.origin.agent_port}/metrics") as response:
                text = await response.text()
            return all(
                line in text
                for line in (
                    'panocast_keyframe_interval_seconds{stream="cam"} 1.0',
                    'panocast_shed_rungs{stream="cam"} 0.0',
                    'panocast_bitrate_bits_per_second{rung="640",stream="cam"}',
                    'panocast_segment_delay_seconds{rung="480",stream="cam"}',
                )
            )

        await eventually(told)
        assert (await origin.get("/metrics"))[0] == 404


async def test_nothing_outlives_the_agent(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"))):
        await origin.playable("cam")
        pids = [await running(origin, which) for which in ("passthrough", "ladder")]
        await origin.agent.stop()
        await eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
        await origin.agent.start()
        await origin.ready()
