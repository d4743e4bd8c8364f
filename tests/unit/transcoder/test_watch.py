"""The watcher: a message for each object, once, and for uploads only when they are whole."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

from panocast.errors import TemporaryError
from panocast.queue import Queue, open_queue
from panocast.store import Store, open_store
from tests.waiting import eventually
from transcoder.arrival import STABLE_S, UNSURE_S
from transcoder.watch import Watcher

PART = "recordings/cam/20261120T084641Z-primary/0001.mp4"
UPLOAD = "uploads/a b.mp4"


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ingest(tmp_path: Path) -> Store:
    return open_store((tmp_path / "ingest").as_uri())


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return open_queue(f"sqlite://{tmp_path}/queue.db")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watcher(ingest: Store, queue: Queue, clock: Clock) -> Watcher:
    return Watcher(ingest, queue, clock)


def received(queue: Queue) -> list[str]:
    """The keys of all messages, taken out."""
    keys = []
    while message := queue.receive(wait_s=0, visibility_s=60):
        keys += [unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(message.body)["Records"]]
        queue.delete(message)
    return keys


def test_a_part_has_its_message_at_the_first_look(watcher: Watcher, ingest: Store, queue: Queue) -> None:
    ingest.put_bytes(PART, b"x")
    assert watcher.finds_nothing()
    assert received(queue) == [PART]


def test_looking_again_or_starting_again_sends_nothing_twice(watcher: Watcher, ingest: Store, queue: Queue) -> None:
    ingest.put_bytes(PART, b"x")
    watcher.look()
    watcher.look()
    Watcher(ingest, queue).look()
    assert received(queue) == [PART]


def test_an_object_that_is_replaced_has_another_message(watcher: Watcher, ingest: Store, queue: Queue) -> None:
    for content in (b"x", b"y"):
        ingest.put_bytes(PART, content)
        watcher.look()
    assert received(queue) == [PART, PART]


def test_an_upload_is_taken_once_it_has_not_changed_for_a_while(
    watcher: Watcher, ingest: Store, queue: Queue, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "ingest" / UPLOAD
    path.parent.mkdir(parents=True)
    for size in range(1, 5):
        path.write_bytes(b"x" * size)
        assert not watcher.finds_nothing()
        assert received(queue) == []
        clock.now += STABLE_S * 0.9
    watcher.look()
    assert received(queue) == []
    clock.now += UNSURE_S
    assert watcher.finds_nothing()
    assert received(queue) == [UPLOAD]


def test_a_file_that_only_changes_its_time_still_grows(
    watcher: Watcher, queue: Queue, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "ingest" / UPLOAD
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    for second in range(5):
        os.utime(path, (second, second))
        watcher.look()
        clock.now += STABLE_S
    assert received(queue) == []


def test_what_means_nothing_has_no_message(watcher: Watcher, ingest: Store, queue: Queue, clock: Clock) -> None:
    for key in ("recordings/readme.txt", "recordings/CAM/x/0001.mp4", "other/a.mp4"):
        ingest.put_bytes(key, b"x")
    for _ in range(3):
        watcher.look()
        clock.now += STABLE_S
    assert received(queue) == []


def test_a_file_taken_away_again_is_forgotten(watcher: Watcher, ingest: Store, queue: Queue, clock: Clock) -> None:
    ingest.put_bytes(UPLOAD, b"x")
    watcher.look()
    ingest.delete(UPLOAD)
    clock.now += STABLE_S
    assert watcher.finds_nothing()
    assert received(queue) == []


async def test_it_goes_on_when_the_store_cannot_answer(queue: Queue, ingest: Store) -> None:
    class Moody:
        calls = 0

        def list(self, prefix: str) -> object:
            self.calls += 1
            if self.calls == 1:
                raise TemporaryError("not now")
            return ingest.list(prefix)

    ingest.put_bytes(PART, b"x")
    stop = asyncio.Event()
    watching = asyncio.create_task(Watcher(Moody(), queue).run(stop))  # type: ignore[arg-type]
    await eventually(lambda: queue.depth().waiting)
    stop.set()
    await watching
    assert received(queue) == [PART]
