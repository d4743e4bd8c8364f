"""The door: one publisher for a name, its session written down first, its recording in a file of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from origin.doorkeeper import LATE_S, MOST_LATE, Doorkeeper
from origin.journal import Journal
from origin.refusals import MOST, Refusals
from origin.rtmp_server import RtmpServer
from origin.stat import Published, Stat
from panocast.errors import RefusedError, TemporaryError
from panocast.keys import stream_key
from tests.unit.origin.test_admission import KEYS, SECRET, form, key_of
from tests.waiting import eventually


class FakeServer(RtmpServer):
    """An nginx that says what it is told to."""

    def __init__(self, *published: Published) -> None:
        self.published: tuple[Published, ...] | None = published
        self.pid = 100
        self.dropped: list[str] = []
        self.on_drop: Callable[[], None] = lambda: None

    async def drop_publisher(self, app: str, name: str, client: int | None = None) -> None:
        self.dropped.append(name)
        self.published = ()
        self.on_drop()

    async def stat(self) -> Stat:
        await asyncio.sleep(0)
        if self.published is None:
            raise TemporaryError("nginx is away")
        return Stat(self.pid, self.published)


def left_form(name: str, client: int) -> bytes:
    """What nginx posts when a publisher has left."""
    return form(name, client=str(client)).replace(b"&type=live", b"")


class Door:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = FakeServer()
        self.refusals = Refusals()
        self.server.on_drop = lambda: self.keeper.release(left_form("cam", 7))
        self.open(Journal(folder, "primary"))

    def open(self, journal: Journal, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.journal = journal
        server, refusals = self.server, self.refusals
        # Who came holds the name for longer than any test takes.
        self.keeper = Doorkeeper(KEYS, server, journal, refusals, self.folder, hold_s=600, sleep=sleep)

    async def come(self, client: int, name: str = "cam", app: str = "live") -> None:
        await self.keeper.admit(form(name, key_of(name), app=app, client=str(client)))


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


async def test_a_session_is_written_down_before_nginx_goes_on(door: Door) -> None:
    await door.come(7)
    (record,) = door.journal.sessions()["cam"]
    assert (record.nginx_pid, record.client) == (100, 7)
    await door.come(8, app="qa")
    assert len(door.journal.sessions()["cam"]) == 1, "test patterns are not recorded"


async def test_of_many_at_once_one_comes_in(door: Door) -> None:
    results = await asyncio.gather(*(door.come(client) for client in range(5)), return_exceptions=True)
    assert [type(result) for result in results].count(RefusedError) == 4


async def test_who_left_frees_the_name_at_once_and_nobody_else_does(door: Door) -> None:
    await door.come(7)
    left = form("cam", client="9").replace(b"&type=live", b"")
    door.keeper.release(left)
    with pytest.raises(RefusedError, match="busy"):
        await door.come(8)
    door.keeper.release(left.replace(b"clientid=9", b"clientid=7"))
    await door.come(8)


async def test_who_came_to_an_nginx_that_died_holds_no_name_of_the_next(door: Door) -> None:
    await door.come(7)
    door.server.pid = 101
    await door.come(8)
    with pytest.raises(RefusedError, match="busy"):
        await door.come(9)


async def test_what_nginx_carries_is_busy(door: Door) -> None:
    door.server.published = (Published("live", "cam", 3, 1.0, 0, None, None),)
    with pytest.raises(RefusedError, match="busy"):
        await door.come(7)
    await door.come(7, app="qa")
    await door.come(7, name="other")


async def test_a_file_of_this_second_is_not_written_over(door: Door, tmp_path: Path) -> None:
    now = int(time.time())
    for second in (now, now + 1):
        (tmp_path / f"cam-{second}.flv").touch()
    await door.come(7)
    assert not (tmp_path / f"cam-{int(time.time())}.flv").exists()
    assert int(door.journal.sessions()["cam"][0].started.timestamp()) > now


async def test_a_refusal_is_remembered_without_the_key(door: Door) -> None:
    with pytest.raises(RefusedError):
        await door.keeper.admit(form("cam", key_of("other")))
    with pytest.raises(RefusedError):
        await door.keeper.admit(b"nonsense")
    assert [refusal.name for refusal in door.refusals.latest()] == ["cam", "?"]
    assert stream_key(SECRET, "other") not in str(door.refusals.latest())


async def test_an_nginx_that_does_not_answer_lets_nobody_in(door: Door) -> None:
    door.server.published = None
    with pytest.raises(TemporaryError):
        await door.come(7)
    assert door.journal.sessions() == {}


async def test_the_second_of_a_file_that_is_stored_and_gone_is_not_given_again(door: Door) -> None:
    """By its second the journal knows a file as stored."""
    journal = Journal(door.folder, "primary", grace_s=60)
    now = int(time.time()) + 1
    journal.update(journal.begin("cam", 100, 1), parts=1, last_file=now, heard=datetime.now(UTC))
    door.open(journal)
    await eventually(lambda: int(time.time()) >= now, every_s=0.02)
    await door.come(7)
    assert int(time.time()) > now


async def test_an_encoder_that_is_back_goes_on_though_nothing_of_it_is_stored_yet(door: Door) -> None:
    journal = Journal(door.folder, "primary", grace_s=60)
    record = journal.begin("cam", 100, 1, datetime.now(UTC) - timedelta(hours=1))
    (door.folder / f"cam-{int(time.time()) - 9}.flv").touch()
    door.open(journal)
    await door.come(7)
    (resumed,) = journal.sessions()["cam"]
    assert (resumed.session, resumed.client) == (record.session, 7)


async def test_a_flood_of_wrong_keys_is_answered_late_and_fills_neither_log_nor_memory(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    waits: list[float] = []
    over = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await over.wait()

    door.open(door.journal, sleep)
    flood = [door.keeper.admit(form(f"cam{n}", key_of("other"), client=str(n + 10))) for n in range(1000)]
    gathering = asyncio.gather(*flood, return_exceptions=True)
    await asyncio.sleep(0)
    async with asyncio.timeout(60):  # the right key does not wait
        await door.come(7)
    assert not gathering.done()
    assert waits == [LATE_S] * MOST_LATE
    over.set()
    assert {type(refused) for refused in await gathering} == {RefusedError}
    assert len(caplog.messages) <= 25
    assert len(door.refusals.latest()) <= MOST


async def test_an_encoder_takes_its_name_back_from_a_push_and_a_push_from_nobody(door: Door) -> None:
    pushed = key_of("cam") + "&push=1"
    await door.keeper.admit(form("cam", pushed, client="7"))
    door.server.published = (Published("live", "cam", 7, 1.0, 0, None, None),)
    with pytest.raises(RefusedError, match="wrong key"):
        await door.keeper.admit(form("cam", key_of("other"), client="8"))
    assert door.server.dropped == [], "strangers drop nothing"
    await door.come(9)
    assert door.server.dropped == ["cam"]
    door.server.published = (Published("live", "cam", 9, 1.0, 0, None, None),)
    for query in (pushed, key_of("cam")):
        with pytest.raises(RefusedError, match="busy"):
            await door.keeper.admit(form("cam", query, client="10"))
    assert door.server.dropped == ["cam"]


async def test_a_push_is_known_after_a_restart_of_the_agent_too(door: Door) -> None:
    await door.keeper.admit(form("cam", key_of("cam") + "&push=1", client="7"))
    door.server.published = (Published("live", "cam", 7, 60.0, 0, None, None),)
    door.open(Journal(door.folder, "primary"))
    await door.come(8)
    assert door.server.dropped == ["cam"]


async def test_one_connection_waits_for_one_answer_at_a_time(door: Door) -> None:
    """It may send any number of requests at once, and each question takes one of nginx's connections."""
    for client in range(10, 40):  # from then on, refusals come late
        asking = asyncio.create_task(door.keeper.admit(form("cam", key_of("other"), client=str(client))))
        await asyncio.sleep(0)
    many = [asyncio.create_task(door.keeper.admit(form("cam", key_of("other"), client="7"))) for _ in range(200)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [task.done() for task in many].count(False) == 1
    assert {type(refused) for refused in await asyncio.gather(asking, *many, return_exceptions=True)} == {RefusedError}
