"""The door: one publisher for a name, its session written down first, its recording in a file of its own."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from origin.doorkeeper import Doorkeeper
from origin.journal import Journal
from origin.refusals import Refusals
from origin.rtmp_server import RtmpServer
from origin.stat import Published, Stat
from panocast.errors import RefusedError, TemporaryError
from panocast.keys import stream_key
from tests.unit.origin.test_admission import SECRET, form, key_of


class FakeServer(RtmpServer):
    """An nginx that says what it is told to."""

    def __init__(self, *published: Published) -> None:
        self.published: tuple[Published, ...] | None = published

    async def stat(self) -> Stat:
        await asyncio.sleep(0)
        if self.published is None:
            raise TemporaryError("nginx is away")
        return Stat(100, self.published)


class Door:
    def __init__(self, folder: Path) -> None:
        self.server = FakeServer()
        self.journal = Journal(folder, "primary")
        self.refusals = Refusals()
        self.keeper = Doorkeeper(SECRET, self.server, self.journal, self.refusals, folder)

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
