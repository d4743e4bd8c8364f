"""What the SQLite queue promises beyond every queue's contract (tests/integration/test_queue_contract.py)."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from panocast.errors import PanocastError, TemporaryError, UsageError
from panocast.queue import LeaseLostError, Message, open_queue
from panocast.queue_schema import VERSION
from panocast.queue_sqlite import MAX_RECEIVES, SqliteQueue
from panocast.uptime import Uptime, uptime


class Clock:
    """The time since the boot, which passes when told to and while somebody sleeps, and a clock on the wall, which can
    be `set`, too."""

    def __init__(self) -> None:
        self.time = 100.0
        self.boot = "first"
        self._wall = 1_800_000_000.0

    def now(self) -> float:
        return self._wall + self.time

    def uptime(self) -> Uptime:
        return Uptime(self.boot, self.time)

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def set(self, by_s: float) -> None:
        self._wall += by_s

    def restart(self) -> None:
        self._wall += self.time
        self.boot, self.time = "second", 10.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> SqliteQueue:
    return SqliteQueue(tmp_path / "queue.db", now=clock.now, uptime=clock.uptime, sleep=clock.sleep)


def take(queue: SqliteQueue, visibility_s: float = 30) -> Message:
    """The next message, which must be there."""
    message = queue.receive(wait_s=0, visibility_s=visibility_s)
    assert message is not None
    return message


def bodies(queue: SqliteQueue) -> Iterator[str]:
    """What can be received now, until nothing can."""
    while (message := queue.receive(wait_s=0, visibility_s=30)) is not None:
        yield message.body


def test_messages_come_oldest_first(queue: SqliteQueue) -> None:
    for body in ("one", "two", "three"):
        queue.send(body)
    assert list(bodies(queue)) == ["one", "two", "three"]


def test_a_dedupe_text_is_remembered_for_ever(queue: SqliteQueue, tmp_path: Path) -> None:
    key = os.fsdecode(b"uploads/\xff.mov")
    assert queue.send("one", dedupe=key)
    queue.delete(take(queue))
    assert not SqliteQueue(tmp_path / "queue.db").send("two", dedupe=key)
    assert queue.send("three", dedupe="another")
    assert list(bodies(queue)) == ["three"]


def test_who_lost_the_lease_changes_nothing(queue: SqliteQueue, clock: Clock) -> None:
    queue.send("work")
    first = take(queue)
    clock.time += 31
    second = take(queue)
    queue.delete(first)
    queue.release(first)
    queue.retry(first, "again", 0)
    queue.set_aside(first, "why")
    with pytest.raises(LeaseLostError):
        queue.extend(first, 30)
    assert list(bodies(queue)) == []
    assert queue.dead() == []
    assert queue.held() == [second]
    queue.delete(second)
    assert queue.held() == []


def test_a_lapsed_lease_that_nobody_took_can_be_extended_and_ended(queue: SqliteQueue, clock: Clock) -> None:
    queue.send("work")
    message = take(queue)
    clock.time += 31
    queue.extend(message, 30)
    assert list(bodies(queue)) == []
    clock.time += 31
    queue.delete(message)
    assert list(bodies(queue)) == []


def test_a_released_message_is_no_longer_held(queue: SqliteQueue) -> None:
    queue.send("work")
    message = take(queue)
    queue.release(message)
    assert queue.held() == []
    with pytest.raises(LeaseLostError):
        queue.extend(message, 30)
    assert list(bodies(queue)) == ["work"]


def test_held_shows_who_works_on_what(queue: SqliteQueue, clock: Clock) -> None:
    for body in ("one", "two", "three"):
        queue.send(body)
    one, two = take(queue), take(queue, visibility_s=5)
    assert queue.held() == [one, two]
    clock.time += 6
    assert queue.held() == [one]


def test_depth_tells_the_age_of_the_oldest_waiting(queue: SqliteQueue, clock: Clock) -> None:
    queue.send("old")
    clock.time += 100
    queue.send("new")
    assert queue.depth().oldest_s == 100
    take(queue, visibility_s=1000)
    clock.time += 10
    assert queue.depth().oldest_s == 10


def test_delays_are_cut_to_fifteen_minutes(queue: SqliteQueue, clock: Clock) -> None:
    queue.send("later", delay_s=1e9)
    clock.time += 899
    assert list(bodies(queue)) == []
    clock.time += 1
    queue.retry(take(queue), "again", 1e9)
    clock.time += 901
    assert list(bodies(queue)) == ["again"]


@pytest.mark.parametrize("jump_s", [-3600, 3600])
def test_a_clock_that_jumps_ends_no_lease_and_hides_no_message(queue: SqliteQueue, clock: Clock, jump_s: float) -> None:
    queue.send("held")
    held = take(queue, visibility_s=30)
    queue.send("failed")
    queue.retry(take(queue), "failed once", 20)
    queue.send("delayed", delay_s=20)
    clock.set(jump_s)
    clock.time += 19
    assert list(bodies(queue)) == []
    assert queue.held() == [held]
    assert (queue.depth().held, queue.depth().waiting) == (1, 2)
    clock.time += 1
    assert list(bodies(queue)) == ["failed once", "delayed"]
    queue.extend(held, 30)
    clock.time += 29
    assert list(bodies(queue)) == []
    clock.time += 1
    assert list(bodies(queue)) == ["held", "failed once", "delayed"]


def test_a_restart_of_the_machine_gives_everything_back(queue: SqliteQueue, clock: Clock) -> None:
    queue.send("held")
    held = take(queue, visibility_s=1000)
    queue.send("delayed", delay_s=900)
    clock.restart()
    assert queue.held() == []
    assert list(bodies(queue)) == ["held", "delayed"]
    with pytest.raises(LeaseLostError):
        queue.extend(held, 30)


def test_all_processes_of_this_machine_have_one_uptime() -> None:
    ask = "from panocast.uptime import uptime; now = uptime(); print(now.boot, now.seconds)"
    before = uptime()
    boot, seconds = subprocess.run(
        [sys.executable, "-c", ask], check=True, capture_output=True, text=True
    ).stdout.split()
    assert boot == before.boot == uptime().boot
    assert before.seconds < float(seconds) < uptime().seconds


def test_receive_waits_as_long_as_told(queue: SqliteQueue, clock: Clock) -> None:
    start = clock.time
    assert queue.receive(wait_s=1, visibility_s=30) is None
    assert clock.time - start == pytest.approx(1)


def test_a_message_that_nobody_ever_finishes_is_set_aside_in_the_end(queue: SqliteQueue, tmp_path: Path) -> None:
    queue.send("deadly")
    queue.send("good")
    with sqlite3.connect(tmp_path / "queue.db") as db:
        db.execute("UPDATE messages SET receives = ? WHERE body = 'deadly'", (MAX_RECEIVES - 1,))
    message = take(queue)
    assert (message.body, message.receives) == ("deadly", MAX_RECEIVES)
    queue.release(message)
    assert list(bodies(queue)) == ["good"]
    (dead,) = queue.dead()
    assert (dead.body, dead.reason) == ("deadly", "received 1000 times, and never finished")
    queue.retry_dead(dead.id)
    assert take(queue).receives == 1


def test_many_threads_make_the_file_at_the_same_time(tmp_path: Path) -> None:
    start = threading.Barrier(8)
    for attempt in range(10):
        path = tmp_path / str(attempt) / "queue.db"

        def send(number: int, path: Path = path) -> bool:
            start.wait()
            return SqliteQueue(path).send(str(number))

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(send, range(8)))
        assert sorted(bodies(SqliteQueue(path))) == [str(number) for number in range(8)]


def test_commits_are_flushed_to_the_disk(queue: SqliteQueue) -> None:
    with queue._connected() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_failure_in_the_middle_of_a_transaction_changes_nothing(queue: SqliteQueue) -> None:
    queue.send("work")

    def fail() -> None:
        with queue._transaction() as db:
            db.execute("DELETE FROM messages")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(bodies(queue)) == ["work"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "queue.db").write_bytes(b"This is not a database. " * 500)
    with pytest.raises(PanocastError, match=r"queue\.db is damaged") as caught:
        SqliteQueue(tmp_path / "queue.db").send("work")
    assert not isinstance(caught.value, TemporaryError)


VERSION_1 = """CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, sent_at REAL NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0, receipt TEXT, hidden_from REAL NOT NULL, hidden_until REAL NOT NULL);
    CREATE TABLE dead (id INTEGER PRIMARY KEY, body TEXT NOT NULL, sent_at REAL NOT NULL, reason TEXT NOT NULL,
    died_at REAL NOT NULL);
    CREATE TABLE sent (dedupe BLOB PRIMARY KEY, sent_at REAL NOT NULL) WITHOUT ROWID;
    INSERT INTO messages VALUES (1, 'held', 1.8e9, 3, 'receipt', 1.8e9, 1.9e9), (2, 'waiting', 1.8e9, 0, NULL, 0, 0);
    INSERT INTO dead VALUES (3, 'dead', 1.8e9, 'why', 1.8e9);
    INSERT INTO sent VALUES (CAST('once' AS BLOB), 1.8e9);
    PRAGMA user_version = 1;"""


def test_a_file_of_the_first_version_is_upgraded_with_all_it_holds(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "queue.db") as db:
        db.executescript(VERSION_1)
    queue = SqliteQueue(tmp_path / "queue.db")
    assert not queue.send("again", dedupe="once")
    assert [message.reason for message in queue.dead()] == ["why"]
    assert [take(queue).receives, take(queue).body] == [4, "waiting"]
    assert queue.send("new")
    assert take(queue).body == "new"
    assert list(bodies(SqliteQueue(tmp_path / "queue.db"))) == []


def test_a_file_from_a_newer_panocast_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "queue.db") as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = (tmp_path / "queue.db").read_bytes()
    with pytest.raises(UsageError, match=r"newer panocast.*upgrade"):
        SqliteQueue(tmp_path / "queue.db").depth()
    assert (tmp_path / "queue.db").read_bytes() == before


def test_a_foreign_sqlite_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "photos.db") as db:
        db.execute("CREATE TABLE photos (name)")
    before = (tmp_path / "photos.db").read_bytes()
    with pytest.raises(UsageError, match="not a queue of panocast"):
        SqliteQueue(tmp_path / "photos.db").send("work")
    assert (tmp_path / "photos.db").read_bytes() == before


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "queue.db", tmp_path / "folder"):
        with pytest.raises(UsageError, match=str(path)):
            SqliteQueue(path).send("work")


def test_a_full_disk_is_temporary_and_loses_nothing(queue: SqliteQueue) -> None:
    queue.send("one")
    with queue._connected() as db:
        db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(TemporaryError, match="disk is full"):
        queue.send("x" * 100_000)
    assert list(bodies(queue)) == ["one"]


@pytest.mark.parametrize(
    "url", ["sqlite:queue.db", "sqlite://host/queue.db", "sqlite:///", "queue.db", "http://host/q", ""]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="names no queue"):
        open_queue(url)


def test_its_url_opens_it_again(tmp_path: Path) -> None:
    path = tmp_path / "a #1%20 ü?.db"
    SqliteQueue(path).send("work")
    queue = open_queue(SqliteQueue(path).url)
    assert isinstance(queue, SqliteQueue)
    assert take(queue).body == "work"


WRITER = """
import sys
from pathlib import Path
from panocast.queue_sqlite import SqliteQueue
queue, me = SqliteQueue(Path(sys.argv[1])), sys.argv[2]
for number in range(1_000_000):
    queue.send(f"{me}-{number}")
    print(f"sent {me}-{number}", flush=True)
    if number % 3 == 0:
        message = queue.receive(wait_s=0, visibility_s=5)
        if message:
            print(f"deleting {message.body}", flush=True)
            queue.delete(message)
"""


@pytest.mark.slow
def test_kill_9_in_the_middle_of_writes_loses_no_acknowledged_message(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    said: set[tuple[str, str]] = set()
    for life in range(4):
        processes = [
            subprocess.Popen([sys.executable, "-c", WRITER, path, f"{life}{who}"], stdout=subprocess.PIPE, text=True)
            for who in "ab"
        ]
        for process in processes:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(20 + 7 * life)]
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.readlines()
            process.wait()
            said |= {(verb, body) for verb, _, body in (line.strip().partition(" ") for line in lines)}
    sent = {body for verb, body in said if verb == "sent"}
    deleting = {body for verb, body in said if verb == "deleting"}
    with sqlite3.connect(path) as db:
        left = [body for (body,) in db.execute("SELECT body FROM messages")]
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(sent) > 100
    assert len(deleting) > 20
    assert sent - deleting <= set(left)
    assert len(left) == len(set(left))
    assert len(deleting & set(left)) <= 8  # killed between the word and the deed, each process once
    assert len(set(left) - sent) <= 8  # or between the deed and the word
