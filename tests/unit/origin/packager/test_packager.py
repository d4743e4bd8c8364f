"""The streams of the packager as encoders come and go, without nginx and with an ffmpeg that does nothing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from origin.keyframes import KeyframeMeter
from origin.packager.package import Package
from origin.packager.packager import OwnPackager
from origin.packager.serve import Site
from origin.packager.stream import PackagedStream
from panocast.feed import Feed, State
from panocast.follow import Heard
from tests.processes import no_descriptors
from tests.unit.origin.packager.fmp4 import gop, video_track
from tests.unit.origin.packager.stubs import GRACE_S, NOBODY, Now, idle_ffmpeg, packager_of
from tests.waiting import eventually


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
async def packager(tmp_path: Path, now: Now, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OwnPackager]:
    (tmp_path / "bin").mkdir()
    (tmp_path / "shelf").mkdir()
    idle_ffmpeg(tmp_path / "bin", monkeypatch)
    packager = packager_of(tmp_path / "shelf", now)
    yield packager
    await packager.close()


async def publish(packager: OwnPackager, client: int) -> PackagedStream:
    """An encoder is let in, and our reader comes."""
    expecting = asyncio.create_task(packager.expect("cam", client))
    while not expecting.done():
        packager.reader_came("cam")
        await asyncio.sleep(0.01)
    await expecting
    return packager.streams["cam"]


def play(package: Package, now: Now, *gops_ms: int) -> None:
    """What the source sends, from its beginning on."""
    package.open_source(video_track(), None)
    at_ms = 0
    for gop_ms in gops_ms:
        now.ms += gop_ms
        package.add_source(gop(at_ms, at_ms + gop_ms))
        at_ms += gop_ms
    package.show(package.ready)


async def test_an_encoder_that_left_before_it_was_shown_and_is_back_at_once_is_read(packager: OwnPackager) -> None:
    await publish(packager, 1)
    show = packager.open("cam", (1, 1), KeyframeMeter())
    left = packager.streams["cam"]
    await show.stop()
    await eventually(lambda: left.over, every_s=0.01)
    stream = await publish(packager, 2)
    await packager.tidy(set(), NOBODY)
    assert packager.streams.get("cam") is stream
    await eventually(lambda: stream.starts, every_s=0.01)
    packager.open("cam", (1, 2), KeyframeMeter())
    await packager.tidy({"cam"}, NOBODY)
    assert packager.streams.get("cam") is stream
    assert not stream.over


async def test_who_was_let_in_a_moment_ago_is_not_tidied_away(packager: OwnPackager) -> None:
    stream = await publish(packager, 1)
    stream.over = True  # what was there before it has ended only now
    await packager.tidy(set(), NOBODY)
    assert packager.streams.get("cam") is stream


async def test_whoever_waits_for_news_of_a_stream_that_ended_hears_of_the_next_one(packager: OwnPackager) -> None:
    ended = await publish(packager, 1)
    ended.package.enter(State.ENDED)
    app = web.Application()
    app.add_routes(Site(packager).routes())
    async with TestClient(TestServer(app)) as client:
        waiting = asyncio.create_task(client.get(f"/feed/cam?after={ended.feed().cursor}"))
        waiter = asyncio.create_task(ended.news(ended.feed().cursor))
        await asyncio.sleep(0.05)
        stream = await publish(packager, 2)
        assert stream is not ended
        told = Feed.model_validate_json(await (await waiting).read())
        assert told.state is State.STARTING
        await asyncio.wait_for(waiter, 60)
        await eventually(lambda: not any(task.get_name() == "the end of cam" for task in asyncio.all_tasks()))
        packager.streams.clear()
        assert (await client.get("/feed/cam")).status == 404


async def test_the_next_event_has_a_target_duration_of_its_own(packager: OwnPackager, now: Now, tmp_path: Path) -> None:
    stream = await publish(packager, 1)
    packager.open("cam", (1, 1), KeyframeMeter())
    play(stream.package, now, 2000, 20_000)
    assert stream.package.timeline.target_duration_s == 20

    def target_s_of_another_life() -> int:
        again = packager_of(tmp_path / "shelf", now)
        again.open("cam", (1, 1), KeyframeMeter())
        lives.append(again)
        return again.streams["cam"].package.timeline.target_duration_s

    lives: list[OwnPackager] = []
    assert target_s_of_another_life() == 20, "the agent was started again, and its playlists go on"
    assert (await publish(packager, 2)).package.timeline.target_duration_s == 20, "the encoder came back"
    stream.package.enter(State.ENDED)
    later = await publish(packager, 3)
    play(later.package, now, 2000, 2000)
    assert later.package.timeline.target_duration_s == 2
    now.ms += round(GRACE_S * 1000) + 1
    assert target_s_of_another_life() == 1, "nothing is known of the next event"
    for life in lives:
        await life.close()


async def test_a_machine_without_descriptors_shows_the_stream_once_it_has_some(
    packager: OwnPackager, caplog: pytest.LogCaptureFixture
) -> None:
    with no_descriptors():
        stream = await publish(packager, 1)
        await eventually(lambda: "Too many open files" in caplog.text, every_s=0.01)
        assert stream.starts == 0
    await eventually(lambda: stream.starts, every_s=0.01)
    await publish(packager, 2)


async def test_what_the_other_origin_says_never_ends_the_listening(
    tmp_path: Path, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle_ffmpeg(tmp_path, monkeypatch)
    told: list[str] = []

    async def follow(name: str, heard: Heard) -> None:
        heard(cast(Any, "no feed"))
        heard(None)
        told.append(name)

    packager = packager_of(tmp_path, now, follow)
    packager.open("cam", (1, 1), KeyframeMeter())
    await eventually(lambda: told == ["cam"], every_s=0.01)
    await packager.close()


async def test_names_that_nobody_published_for_a_month_are_forgotten(tmp_path: Path, now: Now) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    for path, days in ((old, 31), (new, 29)):
        path.touch()
        os.utime(path, (time.time() - days * 24 * 3600,) * 2)
    await packager_of(tmp_path, now).close()
    assert [path.exists() for path in (old, new)] == [False, True]
