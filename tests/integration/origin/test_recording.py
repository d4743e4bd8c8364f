"""What is published is stored: every frame once, in its place on one clock, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from panocast.projection import Projection, Stereo
from panocast.recording import EndMarker
from panocast.settings import StreamSettings
from tests.disk import can_mount, fill, small_disk
from tests.imds import metadata_server
from tests.integration.origin.encoder import H264, argv, publish, publishing
from tests.integration.origin.media import Packet, changing, count_frames, decoded, frame_widths, packets
from tests.integration.origin.running import Origin, running_origin
from tests.waiting import eventually

pytestmark = pytest.mark.slow
STREAMS = {"cam": StreamSettings(title="A camera", projection=Projection.EQUIRECTANGULAR, stereo=Stereo.TOP_BOTTOM)}


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Origin]:
    async with running_origin(tmp_path, part_s=2, streams=STREAMS) as running:
        yield running


def marker(session: Path) -> EndMarker:
    return EndMarker.model_validate_json((session / "end.json").read_bytes())


def sorted_parts(session: Path) -> list[Path]:
    return sorted(session.glob("*.mp4"))


def stored(origin: Origin) -> list[Path]:
    """The parts of `cam` that are in the ingest store."""
    return [part for session in origin.recordings("cam") for part in sorted_parts(session)]


async def parts_of(session: Path) -> list[list[Packet]]:
    """The packets of each part; part numbers have no gap."""
    files = sorted_parts(session)
    assert [file.name for file in files] == [f"{n:04d}.mp4" for n in range(1, marker(session).parts + 1)]
    return [await packets(file) for file in files]


def times(parts: list[list[Packet]], track: str) -> list[float]:
    return [packet.dts_s for part in parts for packet in part if packet.track == track]


def nothing_left(origin: Origin) -> bool:
    left = [origin.paths.recordings.glob("*"), origin.paths.tmp.glob("*.mp4"), origin.paths.tmp.glob("*.flv")]
    return not [path for paths in left for path in paths]


def in_place(frames: list[float]) -> bool:
    """Whether frames, 30 in a second, follow each other from 0 on, none missing and none twice."""
    return bool(frames) and all(abs(at - n / 30) < 0.002 for n, at in enumerate(frames))


async def recording(origin: Origin, parts: int = 0, size_bytes: int = 10_000) -> None:
    """Wait until so many parts of `cam` are stored, and nginx has written so much of the next one (30 kB a second)."""

    def so_far() -> bool:
        stored = list((origin.ingest / "recordings" / "cam").glob("*/[0-9]*.mp4"))
        return len(stored) >= parts and max(sizes(origin).values(), default=0) >= size_bytes

    await eventually(so_far, within_s=90)


def sizes(origin: Origin) -> dict[str, int]:
    """What nginx has written of files that are not stored yet, in bytes."""
    found = {}
    for file in origin.paths.recordings.glob("*.flv"):
        with contextlib.suppress(FileNotFoundError):  # stored this moment
            found[file.name] = file.stat().st_size
    return found


def kept(origin: Origin, folder: Path) -> list[Path]:
    """Links to all that nginx has written and is not stored yet, so that it can be looked at later."""
    folder.mkdir()
    for file in origin.paths.recordings.glob("*.flv"):
        with contextlib.suppress(FileNotFoundError):  # stored this moment
            (folder / file.name).hardlink_to(file)
    return sorted(folder.iterdir())


async def frames_of(files: list[Path]) -> int:
    """How many frames of video these hold together."""
    return sum([await count_frames(file) for file in files])


async def test_every_frame_is_stored_once_in_its_place(origin: Origin) -> None:
    encoder = await publish(argv(origin.url("cam"), seconds=8))
    assert encoder.returncode == 0
    (session,) = await origin.closed("cam")
    parts = await parts_of(session)
    assert len(parts) > 1
    video, audio = times(parts, "video"), times(parts, "audio")
    assert len(video) == 8 * 30
    assert in_place(video)
    assert all(abs(later - earlier - 1024 / 48000) < 0.002 for earlier, later in pairwise(audio))
    assert all(part[0].track != "video" or part[0].keyframe for part in parts)
    for n, file in enumerate(sorted(session.glob("*.mp4"))):
        assert await decoded(file) == sum(p.track == "video" for p in parts[n])
    end = marker(session)
    assert abs(end.duration_s - 8) < 0.05
    assert (end.name, end.session, end.origin, end.title) == ("cam", session.name, "primary", "A camera")
    assert (end.projection, end.stereo) == (Projection.EQUIRECTANGULAR, Stereo.TOP_BOTTOM)
    source = end.source
    assert (source.width, source.height, source.video_codec, source.audio_codec) == (640, 320, "h264", "aac")
    assert source.frame_rate == pytest.approx(30, abs=0.1)
    await eventually(lambda: nothing_left(origin))


async def test_the_clock_does_not_drift_over_a_dozen_parts(tmp_path: Path) -> None:
    """RTMP's clock rounds to milliseconds: a part that took its own rounded length for its place would lose a third of
    one each time."""
    async with running_origin(tmp_path, part_s=2) as origin:
        rate = ("-r", "30000/1001")
        words = argv(origin.url("cam"), seconds=27, gop_s=0.4, video=(*H264, *rate, "-bf", "2"), size="320x160")
        assert (await publish(words)).returncode == 0
        (session,) = await origin.closed("cam")
        parts = await parts_of(session)
        assert len(parts) >= 9, "enough for thirds of a millisecond to be seen"
        first_of_last = next(p for p in parts[-1] if p.track == "video")
        before = sum(p.track == "video" for part in parts[:-1] for p in part)
        assert first_of_last.dts_s == pytest.approx(before * 1001 / 30000, abs=0.002)
        audio = times(parts, "audio")
        assert audio[-1] - audio[0] == pytest.approx((len(audio) - 1) * 1024 / 48000, abs=0.002)


async def test_agent_killed_again_and_again_stores_all_once(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"), seconds=12)) as encoder:
        await recording(origin, size_bytes=50_000)
        for pause_s in (0.0, 0.4, 2.2):
            await asyncio.sleep(pause_s)
            await origin.agent.kill()
            await asyncio.sleep(0.3)
            await origin.agent.start()
            await origin.ready()
        assert await encoder.wait() == 0, "the encoder was dropped"
        await origin.agent.kill()
        await origin.agent.start()
    (session,) = await origin.closed("cam")
    video = times(await parts_of(session), "video")
    assert len(video) == 12 * 30
    assert in_place(video)
    await eventually(lambda: nothing_left(origin))


async def test_nginx_killed_while_recording_loses_what_was_not_written_only(origin: Origin, tmp_path: Path) -> None:
    async with publishing(argv(origin.url("cam"))) as encoder:
        await recording(origin, parts=2)
        await origin.nginx.kill()
        await encoder.wait()
    written = kept(origin, tmp_path / "kept")
    await origin.nginx.start()
    await origin.ready()
    (session,) = await origin.closed("cam")
    video = times(await parts_of(session), "video")
    assert len(video) >= await frames_of(written) + 2 * 30, "and what was stored already"
    assert marker(session).duration_s == pytest.approx(len(video) / 30, abs=0.1)
    assert in_place(video)
    first = marker(session)
    assert (await publish(argv(origin.url("cam"), seconds=2))).returncode == 0
    await eventually(lambda: marker(session).parts > first.parts, within_s=90)
    assert origin.recordings("cam") == [session], "it came back within the grace time: one recording"
    assert marker(session).seams == (first.parts + 1,)
    assert len(times(await parts_of(session), "video")) == len(video) + 2 * 30
    await eventually(lambda: nothing_left(origin))


async def test_both_killed_and_a_file_cut_off_anywhere(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"))):
        await recording(origin, parts=1, size_bytes=50_000)
        await asyncio.gather(origin.nginx.kill(), origin.agent.kill())
    files = sorted(origin.paths.recordings.glob("*.flv"))
    written, newest = await frames_of(files), files[-1]
    newest.write_bytes(newest.read_bytes()[:-1234])
    await origin.agent.start()
    await origin.nginx.start()
    await origin.ready()
    (session,) = await origin.closed("cam")
    assert len(times(await parts_of(session), "video")) > written - 15, "half a second"
    for file in session.glob("*.mp4"):
        assert await decoded(file) > 0


async def test_orphans_of_no_known_session_get_their_own(origin: Origin, tmp_path: Path) -> None:
    async with publishing(argv(origin.url("cam"))):
        await recording(origin, size_bytes=50_000)
        await asyncio.gather(origin.nginx.kill(), origin.agent.kill())
    orphans = kept(origin, tmp_path / "kept")
    for journal in origin.paths.sessions.glob("*/*.json"):
        journal.unlink()
    await origin.agent.start()
    await origin.nginx.start()
    (session,) = await origin.closed("cam")
    assert len(times(await parts_of(session), "video")) == await frames_of(orphans) > 0


async def test_an_encoder_that_comes_back_goes_on_with_its_session(origin: Origin) -> None:
    """Killed in the middle of a part and of a GOP: all that nginx received is there, in order, on one clock."""
    received = 0
    for _ in range(2):
        before = len(list((origin.ingest / "recordings").glob("cam/*/*.mp4")))
        async with publishing(argv(origin.url("cam"))) as encoder:
            await recording(origin, parts=before + 1)
            encoder.kill()
        await eventually(lambda: not list(origin.paths.recordings.glob("*")), within_s=90)
        received = await frames_of(sorted_parts(origin.recordings("cam")[0]))
    assert (await publish(argv(origin.url("cam"), seconds=2))).returncode == 0
    (session,) = await origin.closed("cam")
    await eventually(lambda: len(marker(session).seams) == 2 and nothing_left(origin), within_s=90)
    parts = await parts_of(session)
    video, audio = times(parts, "video"), times(parts, "audio")
    assert len(video) == received + 60 > 3 * 30 + 60
    assert all(0 < later - earlier < 0.2 for earlier, later in pairwise(video))
    assert all(0 < later - earlier < 0.2 for earlier, later in pairwise(audio))
    assert all(parts[n - 1][0].keyframe for n in marker(session).seams)


async def test_after_the_grace_time_a_publish_is_a_session_of_its_own(tmp_path: Path) -> None:
    async with running_origin(tmp_path, part_s=3, grace_s=0) as origin:
        for seconds, realtime in ((2, True), (0.2, False), (0.2, False)):  # within a second: no writing over each other
            words = argv(origin.url("cam"), seconds=seconds, realtime=realtime)
            assert (await publish(words)).returncode == 0
        sessions = await origin.closed("cam", 3)
        assert [len(times(await parts_of(session), "video")) for session in sessions] == [60, 6, 6]
        assert [times(await parts_of(session), "video")[0] for session in sessions] == [0.0, 0.0, 0.0]
        await eventually(lambda: not list(origin.paths.sessions.glob("*/*")))


async def test_told_to_stop_in_the_middle_of_a_part_it_stores_all_that_nginx_received(tmp_path: Path) -> None:
    async with running_origin(tmp_path, part_s=60) as origin, publishing(argv(origin.url("cam"))):
        await origin.segments("cam", 640, 3)
        (growing,) = kept(origin, tmp_path / "kept")
        await asyncio.gather(origin.nginx.stop(), origin.agent.stop())
        (session,) = origin.recordings("cam")
        assert len(times(await parts_of(session), "video")) == await count_frames(growing) > 2.5 * 30
        assert nothing_left(origin)


async def test_an_agent_that_starts_anew_beside_its_nginx_neither_loses_nor_doubles(tmp_path: Path) -> None:
    async with running_origin(tmp_path, part_s=60) as origin:
        async with publishing(argv(origin.url("cam"))) as encoder:
            await origin.segments("cam", 640, 2)
            (growing,) = kept(origin, tmp_path / "kept")
            await origin.agent.stop()
            assert sorted_parts(origin.recordings("cam")[0]), "what there was of the part is stored"
            await origin.agent.start()
            await origin.ready()
            so_far = growing.stat().st_size
            await eventually(lambda: growing.stat().st_size > so_far + 50_000)
            assert encoder.returncode is None
        (session,) = await origin.closed("cam")
        video = times(await parts_of(session), "video")
        assert len(video) == await count_frames(growing)
        assert in_place(video)


async def test_a_spot_notice_makes_it_store_recordings_as_they_come(tmp_path: Path) -> None:
    """The machine goes with its disk, in the middle of a part: lost is the GOP that was open, and a second or so."""
    async with metadata_server() as metadata:
        environment = metadata.environment
        async with running_origin(tmp_path, part_s=60, environment=environment) as origin:
            async with publishing(argv(origin.url("cam"), gop_s=1)):
                await origin.playable("cam")
                assert not stored(origin)
                metadata.interrupt()
                await eventually(lambda: len(stored(origin)) > 2)
                await asyncio.sleep(0.8)  # not just after something was stored
                await asyncio.gather(origin.nginx.kill(), origin.agent.kill())
            (growing,) = origin.paths.recordings.glob("*.flv")
            received = await count_frames(growing)
            shutil.rmtree(origin.paths.recordings)
            video = times([await packets(part) for part in stored(origin)], "video")
            assert received - 6 * 30 <= len(video) <= received
            assert in_place(video)


async def test_a_store_that_is_away_is_waited_for_and_a_full_disk_is_said_before(tmp_path: Path) -> None:
    async with running_origin(tmp_path, part_s=3, disk_low_mb=1 << 40) as origin:
        origin.ingest.write_text("not a folder: no store here")
        async with publishing(argv(origin.url("cam"))):

            async def said() -> bool:
                entry = await origin.entry("cam")
                nearly = any("the disk is nearly full" in warning for warning in entry["warnings"]) if entry else False
                logged = origin.everything_said()
                return nearly and "recordings wait" in logged and "not stored yet; make room" in logged

            await eventually(said)
            await eventually(lambda: len(sizes(origin)) > 1)
        await eventually(lambda: gone(origin))
        assert (await origin.live())["warnings"]
        received = await frames_of(sorted(origin.paths.recordings.glob("*.flv")))
        origin.ingest.unlink()
        (session,) = await origin.closed("cam")
        video = times(await parts_of(session), "video")
        assert len(video) == received
        assert in_place(video)


async def gone(origin: Origin) -> bool:
    """Whether nobody publishes any more."""
    return not (await origin.live())["publishing"]


@pytest.mark.skipif(not can_mount(), reason="this machine allows no mounts in a namespace of our own")
async def test_after_a_full_disk_recording_goes_on_with_the_next_part(tmp_path: Path) -> None:
    """What lay on it is stored, and neither the encoder nor viewers notice."""
    (tmp_path / "disk").mkdir()
    async with small_disk(tmp_path / "disk", "3m") as disk:
        (tmp_path / "origin-primary").symlink_to(disk)
        # Not fenced: bubblewrap sees nothing of this disk.
        async with running_origin(tmp_path, part_s=2, fence="off", disk_full_mb=0) as origin:

            def full() -> bool:
                """Whether nginx could write nothing at all of a part."""
                fill(disk / "full")
                return 0 in sizes(origin).values()

            async with publishing(argv(origin.url("cam"))) as encoder:
                await eventually(lambda: stored(origin))
                await eventually(full)
                (disk / "full").unlink()
                await eventually(lambda: len(stored(origin)) >= 3)
                assert encoder.returncode is None
                assert await origin.holes("cam", 640) == []
            (session,) = await origin.closed("cam")
            assert all(await asyncio.gather(*map(decoded, sorted_parts(session))))
            video = times(await parts_of(session), "video")
            assert all(0 < later - earlier < 0.2 for earlier, later in pairwise(video))
            await eventually(lambda: nothing_left(origin))


@pytest.mark.skipif(not can_mount(), reason="this machine allows no mounts in a namespace of our own")
async def test_before_the_disk_is_full_recording_stops_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    """nginx never meets a full disk, and there is room left to store what is recorded."""
    (tmp_path / "disk").mkdir()
    async with small_disk(tmp_path / "disk", "12m") as disk:
        (tmp_path / "origin-primary").symlink_to(disk)
        async with running_origin(tmp_path, part_s=2, fence="off", disk_full_mb=3) as origin:
            async with publishing(argv(origin.url("cam"))) as encoder:
                await eventually(lambda: stored(origin))
                fill(disk / "full", leave_bytes=2 << 20)
                await eventually(lambda: "the disk is full, and nothing is recorded: " in origin.everything_said())
                before = sizes(origin)
                await asyncio.sleep(5)
                assert sizes(origin).items() <= before.items(), "what is there may be stored, nothing is written"
                assert origin.nginx.log.read_text().count("No space left") == 0
                (disk / "full").unlink()
                so_far = len(stored(origin))
                await eventually(lambda: len(stored(origin)) >= so_far + 3)
                assert encoder.returncode is None
                assert await origin.holes("cam", 640) == []
            (session,) = await origin.closed("cam")
            assert all(await asyncio.gather(*map(decoded, sorted_parts(session))))
            await eventually(lambda: nothing_left(origin))


async def test_a_resolution_that_changes_on_the_way_stays_decodable(origin: Origin, tmp_path: Path) -> None:
    async with publishing(await changing(tmp_path, origin.url("cam"), ("640x320", "480x240"), 2)) as encoder:
        assert await encoder.wait() == 0
    (session,) = await origin.closed("cam")
    files = sorted_parts(session)
    widths = [width for file in files for width in await frame_widths(file)]
    assert widths == [640] * 60 + [480] * 60


async def test_a_silent_encoder_does_not_block_its_own_name(tmp_path: Path) -> None:
    """Its name is free once it has said nothing for a while, though its connection is there."""
    async with running_origin(tmp_path, silent_publisher_s=5) as origin, publishing(argv(origin.url("cam"))) as silent:
        await recording(origin)
        assert silent.pid
        os.killpg(silent.pid, signal.SIGSTOP)
        try:

            async def welcome() -> bool:
                return not (await publish(argv(origin.url("cam"), seconds=1))).returncode

            await eventually(welcome, within_s=90)
            assert silent.returncode is None
        finally:
            os.killpg(silent.pid, signal.SIGCONT)
