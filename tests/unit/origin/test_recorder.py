"""Which files are complete and which sessions over, where no part is stored on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from origin.journal import Journal
from origin.paths import OriginPaths
from origin.recorder import Recorder
from origin.stat import Published, Stat
from panocast.store_directory import DirectoryStore


def hours_ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


class World:
    """A recorder and what it stands on; `publishing` is what nginx says."""

    def __init__(self, folder: Path) -> None:
        self.paths = OriginPaths(folder / "origin-primary")
        self.paths.make()
        self.journal = Journal(self.paths.sessions, "primary", grace_s=60)
        self.store = ComingBackStore(folder / "ingest", self.journal)
        self.recorder = Recorder(self.paths, self.store, self.journal, "primary", {})
        self.publishing: tuple[Published, ...] = ()

    async def stat(self) -> Stat:
        return Stat(100, self.publishing)


class ComingBackStore(DirectoryStore):
    """One that takes its time for an end marker: `back` says whether the encoder comes back meanwhile."""

    def __init__(self, root: Path, journal: Journal) -> None:
        super().__init__(root)
        self._journal = journal
        self.back = False

    def put_bytes(self, key: str, data: bytes, **options: object) -> bool:
        if self.back:
            self.back = False
            self._journal.update(self._journal.sessions()["cam"][-1], client=8, joined=(1,), heard=hours_ago(1))
        return super().put_bytes(key, data, **options)  # type: ignore[arg-type]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("closed_all", [False, True])
async def test_the_newest_file_of_who_publishes_is_complete_only_where_nothing_is_open(
    world: World, closed_all: bool
) -> None:
    world.publishing = (Published("live", "cam", 7, 60.0, 0, None, None),)
    began = hours_ago(0.1)
    world.journal.begin("cam", 100, 7, began)
    file = world.paths.recordings / f"cam-{int(began.timestamp())}.flv"
    file.touch()
    await world.recorder.step(world.stat, closed_all=lambda: closed_all)
    assert file.exists() is not closed_all
    assert len(world.journal.sessions()["cam"]) == 1, "its encoder is here"


async def test_a_session_whose_encoder_comes_back_while_it_is_closed_is_kept(world: World) -> None:
    record = world.journal.begin("cam", 100, 7, hours_ago(1))
    world.journal.update(record, parts=3, heard=datetime.now(UTC))
    world.store.back = True
    await world.recorder.step(world.stat)
    (kept,) = world.journal.sessions()["cam"]
    assert (kept.client, kept.closed_parts) == (8, 3)


async def test_a_session_of_before_a_restart_is_closed_though_nginx_counts_the_same_numbers_again(
    world: World,
) -> None:
    old = world.journal.begin("cam", 100, 7, hours_ago(2))
    world.journal.update(old, parts=3, last_file=1, heard=hours_ago(1))
    new = world.journal.begin("cam", 100, 7, datetime.now(UTC))
    world.publishing = (Published("live", "cam", 7, 60.0, 0, None, None),)
    await world.recorder.step(world.stat)
    assert [record.session for record in world.journal.sessions()["cam"]] == [new.session]
    assert world.store.get_bytes(old.key.end_key)
