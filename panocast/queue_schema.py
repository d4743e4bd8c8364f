"""The SQLite file behind a queue: its tables, how it is opened, and SQLite's errors in our words."""

from __future__ import annotations

import itertools
import sqlite3
import time
from pathlib import Path

from panocast.errors import PanocastError, SetupError, TemporaryError

VERSION = 2
# A message is hidden while this machine runs since `boot` and its uptime is below hidden_until, in seconds: by its
# sender's delay, or by a lease (then it has a receipt). A restart of the machine ends both: who held a lease is gone.
# AUTOINCREMENT: an id is never used again, so it can name a message to people. sent remembers every dedupe text.
TABLES = (
    """CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, sent_at REAL NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0, receipt TEXT, hidden_until REAL NOT NULL,
        boot TEXT NOT NULL DEFAULT '')""",
    """CREATE TABLE dead (
        id INTEGER PRIMARY KEY, body TEXT NOT NULL, sent_at REAL NOT NULL, reason TEXT NOT NULL,
        died_at REAL NOT NULL)""",
    "CREATE TABLE sent (dedupe BLOB PRIMARY KEY, sent_at REAL NOT NULL) WITHOUT ROWID",
)
# What makes a file of an earlier version one of the next.
UPGRADES = {
    1: (  # which told by a clock that can be set
        "ALTER TABLE messages DROP COLUMN hidden_from",
        "ALTER TABLE messages ADD COLUMN boot TEXT NOT NULL DEFAULT ''",
    ),
}
BUSY_TIMEOUT_S = 30.0


def connect(path: Path) -> sqlite3.Connection:
    """Open the queue's file, made where there is none, upgraded where it is old; transactions are begun and ended by
    hand.

    Raises sqlite3.Error, and SetupError when the file is not a queue, or one from a newer panocast.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot make the folder of the queue {path}: {error.strerror}") from error
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        if _version(db, path) != VERSION:
            _make_tables(db, path)
        _write_ahead(db)
        db.execute("PRAGMA synchronous = FULL")  # with a write-ahead log, NORMAL could lose the last commits
    except BaseException:
        db.close()
        raise
    return db


def _make_tables(db: sqlite3.Connection, path: Path) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        version = _version(db, path)  # somebody else may have been quicker
        steps = [TABLES] if version == 0 else [UPGRADES[old] for old in range(version, VERSION)]
        for statement in itertools.chain.from_iterable(steps):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _version(db: sqlite3.Connection, path: Path) -> int:
    # In this order: tables that another process makes in between come with their version.
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise SetupError(
            f"the queue {path} was made by a newer panocast (version {version} of the file, "
            f"this one knows {VERSION}): upgrade panocast"
        )
    if version == 0 and tables:
        raise SetupError(f"{path} is a SQLite file, but not a queue of panocast")
    return int(version)


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switch to write-ahead logging: readers beside a writer, one fsync for each commit."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # When two switch a new file at the same time, SQLite tells one so at once, whatever the timeout.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def in_words(error: sqlite3.Error, path: Path) -> PanocastError:
    """The same error as one of ours."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the rest of it is detail
    what = f"the queue {path}"
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return PanocastError(f"{what} is damaged ({error}): move the file away, a new one is made at the next start")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return SetupError(f"{what} cannot be written ({error}): check the path and who owns it")
    if code == sqlite3.SQLITE_FULL:
        return TemporaryError(f"{what} cannot be written: its disk is full")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TemporaryError(f"{what} has been locked by another process for {BUSY_TIMEOUT_S:g} s")
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL):
        return TemporaryError(f"{what} does not answer: {error}")
    return PanocastError(f"{what}: {error}")
