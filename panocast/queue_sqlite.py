"""A queue in a SQLite file of this machine: durable, and safe between processes and threads."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from panocast import queue_schema
from panocast.errors import NotFoundError
from panocast.queue import (
    DeadMessage,
    Depth,
    LeaseLostError,
    Message,
    check_body,
    clamp_delay,
    clean_reason,
    queue_file_url,
)
from panocast.uptime import Uptime, uptime

# By uptime: whoever sets the machine's clock ends no lease early, and hides no message for longer than it was to be.
HIDDEN = "(boot = :boot AND :uptime < hidden_until)"

POLL_S = 0.15
# The distant backstop: workers count failures themselves, but something must end a message that kills every worker.
MAX_RECEIVES = 1000


class SqliteQueue:
    """Messages in the SQLite file at `path`, made at first use; `now` gives Unix time, which people read, `uptime` what
    leases and delays are told by.

    Each thread has a connection of its own. Do not use one across a fork.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], float] = time.time,
        uptime: Callable[[], Uptime] = uptime,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._now = now
        self._uptime = uptime
        self._sleep = sleep
        self._local = threading.local()

    @property
    def url(self) -> str:
        return queue_file_url(self._path)

    def send(self, body: str, *, dedupe: str | None = None, delay_s: float = 0) -> bool:
        check_body(body)
        with self._transaction() as db:
            now = self._now()
            if dedupe is not None:
                new = db.execute("INSERT OR IGNORE INTO sent VALUES (?, ?)", (_blob(dedupe), now))
                if new.rowcount == 0:
                    return False
            db.execute(
                "INSERT INTO messages (body, sent_at, boot, hidden_until) "
                "VALUES (:body, :sent_at, :boot, :uptime + :delay_s)",
                self._moment(body=body, sent_at=now, delay_s=clamp_delay(delay_s)),
            )
        return True

    def receive(self, *, wait_s: float, visibility_s: float) -> Message | None:
        while (message := self._take(visibility_s)) is None and wait_s > 0:
            self._sleep(min(POLL_S, wait_s))
            wait_s -= POLL_S
        return message

    def extend(self, message: Message, visibility_s: float) -> None:
        values = self._moment(visibility_s=visibility_s)
        if not self._change(
            message, "UPDATE messages SET boot = :boot, hidden_until = :uptime + :visibility_s", **values
        ):
            raise LeaseLostError(f"message {message.id} is no longer ours: its lease lapsed, or it is deleted")

    def release(self, message: Message) -> None:
        self._change(message, "UPDATE messages SET receipt = NULL, hidden_until = 0")

    def delete(self, message: Message) -> None:
        self._change(message, "DELETE FROM messages")

    def retry(self, message: Message, body: str, delay_s: float) -> None:
        self._change(
            message,
            "UPDATE messages SET body = :body, receipt = NULL, receives = 0, "
            "boot = :boot, hidden_until = :uptime + :delay_s",
            **self._moment(body=check_body(body), delay_s=clamp_delay(delay_s)),
        )

    def set_aside(self, message: Message, reason: str) -> None:
        with self._transaction() as db:
            ours = {"id": _number(message.id), "receipt": message.receipt}
            self._bury(db, "id = :id AND receipt = :receipt", ours, clean_reason(reason))

    def depth(self) -> Depth:
        with self._connected() as db:
            held, waiting, oldest = db.execute(
                f"""SELECT count(*) FILTER (WHERE receipt IS NOT NULL AND {HIDDEN}),
                           count(*) FILTER (WHERE receipt IS NULL OR NOT {HIDDEN}),
                           min(sent_at) FILTER (WHERE receipt IS NULL OR NOT {HIDDEN}) FROM messages""",
                self._moment(),
            ).fetchone()
            (dead,) = db.execute("SELECT count(*) FROM dead").fetchone()
        return Depth(waiting, held, dead, 0.0 if oldest is None else max(0.0, self._now() - oldest))

    def held(self) -> list[Message]:
        with self._connected() as db:
            rows = db.execute(
                "SELECT id, body, receipt, receives, sent_at FROM messages "
                f"WHERE receipt IS NOT NULL AND {HIDDEN} ORDER BY id",
                self._moment(),
            ).fetchall()
        return [_message(row) for row in rows]

    def dead(self) -> list[DeadMessage]:
        with self._connected() as db:
            rows = db.execute("SELECT id, body, reason, died_at FROM dead ORDER BY died_at DESC, id DESC").fetchall()
        return [DeadMessage(str(id), body, reason, _time(at)) for id, body, reason, at in rows]

    def retry_dead(self, id: str) -> None:
        with self._transaction() as db:
            back = db.execute(
                "INSERT INTO messages (id, body, sent_at, hidden_until) "
                "SELECT id, body, sent_at, 0 FROM dead WHERE id = ?",
                (_number(id),),
            )
            if back.rowcount == 0:
                raise NotFoundError(f"no message {id} is set aside in {self._path}")
            db.execute("DELETE FROM dead WHERE id = ?", (_number(id),))

    def _take(self, visibility_s: float) -> Message | None:
        """The oldest message that is free, now leased; those received too often are set aside on the way."""
        free = f"SELECT id FROM messages WHERE NOT {HIDDEN} ORDER BY id LIMIT 1"
        with self._connected() as db:  # an idle worker's polls only read
            if db.execute(free, self._moment()).fetchone() is None:
                return None
        with self._transaction() as db:
            moment = self._moment()
            tired = f"receives >= {MAX_RECEIVES} AND NOT {HIDDEN}"
            self._bury(db, tired, moment, f"received {MAX_RECEIVES} times, and never finished")
            row = db.execute(
                "UPDATE messages SET receipt = :receipt, receives = receives + 1, boot = :boot, "
                f"hidden_until = :uptime + :visibility_s WHERE id = ({free}) "
                "RETURNING id, body, receipt, receives, sent_at",
                moment | {"receipt": secrets.token_hex(16), "visibility_s": visibility_s},
            ).fetchone()
        return None if row is None else _message(row)

    def _bury(self, db: sqlite3.Connection, which: str, values: dict[str, object], reason: str) -> None:
        """Move messages to the dead ones."""
        db.execute(
            "INSERT INTO dead (id, body, sent_at, reason, died_at) "
            f"SELECT id, body, sent_at, :reason, :died_at FROM messages WHERE {which}",
            values | {"reason": reason, "died_at": self._now()},
        )
        db.execute(f"DELETE FROM messages WHERE {which}", values)

    def _moment(self, **values: object) -> dict[str, object]:
        """Now, as `HIDDEN` asks for it, with other values of a statement."""
        now = self._uptime()
        return {"boot": now.boot, "uptime": now.seconds, **values}

    def _change(self, message: Message, statement: str, **values: object) -> bool:
        """Run a statement on a message that is still ours; False when it is not."""
        ours = {"id": _number(message.id), "receipt": message.receipt}
        with self._transaction() as db:
            return db.execute(f"{statement} WHERE id = :id AND receipt = :receipt", ours | values).rowcount == 1

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, on the disk at the end, and nobody else writes meanwhile."""
        with self._connected() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection; SQLite's errors become ours."""
        try:
            if not hasattr(self._local, "db"):
                self._local.db = queue_schema.connect(self._path)
            yield self._local.db
        except sqlite3.Error as error:
            raise queue_schema.in_words(error, self._path) from error


def _message(row: tuple[int, str, str, int, float]) -> Message:
    id, body, receipt, receives, sent_at = row
    return Message(str(id), body, receipt, receives, _time(sent_at))


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _blob(text: str) -> bytes:
    """A text that may hold a file's name, not always Unicode."""
    return text.encode("utf-8", "surrogatepass")


def _number(id: str) -> int:
    """The row of a message's id; one that no row has, for a text that is no id of ours."""
    return int(id) if id.isascii() and id.isdigit() and len(id) < 19 else -1
