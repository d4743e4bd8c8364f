"""What runs, kept as nginx says it should be, whatever fails meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from origin.journal import Journal
from origin.keyframes import KeyframeMeter
from origin.ladder import Source
from origin.refusals import Refusals
from origin.rtmp_server import RtmpServer
from origin.show import Client
from origin.stat import AudioMeta, Published, Stat, VideoMeta
from origin.streams import STALE_S, Streams, session_of
from panocast.errors import RefusedError, TemporaryError
from panocast.ladder import Size

CAM = Published(
    "live", "cam", 5, 30.0, 10**6, VideoMeta("H264", Size(1920, 960), "Main", 0, 40), AudioMeta("AAC", 2, 48000)
)


class Server(RtmpServer):
    """An nginx that may not answer, and says whom it dropped."""

    def __init__(self) -> None:
        self.away = False
        self.dropped: list[tuple[str, str, int | None]] = []

    async def drop_publisher(self, app: str, name: str, client: int | None = None) -> None:
        if self.away:
            raise TemporaryError("nginx does not answer")
        self.dropped.append((app, name, client))


class StandsStill:
    """A packager whose one stream stands still for as long as it is read."""

    def __init__(self) -> None:
        self.widths: tuple[int, ...] = (1920,)
        self.shed: tuple[int, ...] = ()
        self.expected: list[str] = []
        self.reads = True
        self.tidied = 0

    async def step(self, source: Source, seen: Published, stat: Stat) -> None:
        if self.reads:
            raise RefusedError("its timestamps stand still")

    def warnings(self) -> list[str]:
        return []

    async def stop(self) -> None:
        self.reads = False

    async def expect(self, name: str, client: int) -> None: ...

    def reader_came(self, name: str) -> None: ...

    def open(self, name: str, client: Client, meter: KeyframeMeter) -> StandsStill:
        return self

    async def tidy(self, live: Collection[str], stat: Stat) -> None:
        self.tidied += 1

    async def close(self) -> None: ...


@pytest.fixture
def testhls(tmp_path: Path) -> Path:
    folder = tmp_path / "testhls"
    folder.mkdir()
    return folder


def streams_of(server: Server, packager: StandsStill, folder: Path, testhls: Path) -> Streams:
    return Streams(server, Journal(folder, "primary", 60.0), packager, lambda name: None, Refusals(), testhls)


async def test_what_is_refused_is_dropped_even_where_nginx_did_not_hear_it_at_first(
    tmp_path: Path, testhls: Path
) -> None:
    server, packager = Server(), StandsStill()
    streams = streams_of(server, packager, tmp_path, testhls)
    server.away = True
    await streams.reconcile(Stat(1, (CAM,)))
    assert not packager.reads
    assert packager.tidied == 1, "other streams are looked after all the same"
    server.away = False
    await streams.reconcile(Stat(1, (CAM,)))
    assert server.dropped == [("live", "cam", 5)], "this publish, and not one that has just begun"
    await streams.reconcile(Stat(1, ()))
    assert len(server.dropped) == 1


async def test_what_nginx_cleans_up_itself_is_nobodys_trouble(tmp_path: Path, testhls: Path) -> None:
    (testhls / "gone-1.ts").symlink_to(testhls / "nothing")  # listed, and not there when it is looked at
    old = testhls / "bars-1.ts"
    old.touch()
    os.utime(old, (time.time() - 10 * STALE_S,) * 2)
    await streams_of(Server(), StandsStill(), tmp_path, testhls).reconcile(Stat(1, ()))
    assert not old.exists()


def test_the_session_of_a_publish_is_the_last_of_its_numbers(tmp_path: Path) -> None:
    """nginx counts the same ones again after a restart of the machine."""
    journal = Journal(tmp_path, "primary")
    journal.begin("cam", 12, 1, datetime.now(UTC) - timedelta(hours=1))
    last = journal.begin("cam", 12, 1)
    assert session_of(journal, "cam", (12, 1), 1.0) == last
