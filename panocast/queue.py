"""Queues of messages: a SQLite file on this machine, or SQS, behind one small interface.

A message is delivered at least once, in any order. Whoever receives it holds a lease of `visibility_s` seconds and
extends it while working; a lease that lapses hands the message to the next. Whoever lost a lease changes nothing any
more: the other holder finishes (SQS promises this less strictly than SQLite). All methods block; services call them in
threads (`asyncio.to_thread`).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

from panocast.errors import PanocastError, UsageError

MAX_DELAY_S = 900.0  # SQS's limit
# Below the 256 KiB that SQS has always taken, with room for the reason of a dead message.
MAX_BODY_BYTES = 200_000
MAX_REASON_CHARACTERS = 2000
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class LeaseLostError(PanocastError):
    """The lease of a message is gone: it lapsed and somebody else may hold it, or it is deleted."""


@dataclass(frozen=True, slots=True)
class Message:
    """A received message: `receipt` names this delivery, `receives` counts deliveries, this one included."""

    id: str
    body: str
    receipt: str
    receives: int
    sent: datetime


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message that was set aside, and why, in words."""

    id: str
    body: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages wait (delayed ones too), are held by a worker, and are set aside.

    `oldest_s` is the age of the oldest waiting one, 0 where there is none; None where the queue cannot tell (SQS: its
    CloudWatch metric ApproximateAgeOfOldestMessage does, GetQueueAttributes does not).
    """

    waiting: int
    held: int
    dead: int
    oldest_s: float | None


class Queue(Protocol):
    """What panocast asks of a queue. Raises TemporaryError when the queue cannot answer now."""

    @property
    def url(self) -> str:
        """The URL that opens this queue, `sqlite:///…` or an SQS queue's `https://…`."""
        ...

    def send(self, body: str, *, dedupe: str | None = None, delay_s: float = 0) -> bool:
        """Add a message, durable when the call returns, receivable after `delay_s` (cut to 900).

        A `dedupe` text that was ever used before adds nothing and gives False, where the queue remembers (SQLite
        does; SQS does not, its receivers must not mind). UsageError for a body that SQS would not take: empty, over
        200 kB, control characters, lone surrogates.
        """
        ...

    def receive(self, *, wait_s: float, visibility_s: float) -> Message | None:
        """Take one message, waiting up to `wait_s` for it."""
        ...

    def extend(self, message: Message, visibility_s: float) -> None:
        """Hold a message for `visibility_s` from now; LeaseLostError when it is no longer ours.

        A lease that lapsed and that nobody took yet may still be extended. SQS ends every lease 12 hours after the
        receive, with LeaseLostError.
        """
        ...

    def release(self, message: Message) -> None:
        """Give a message back at once; one that is no longer ours is fine."""
        ...

    def delete(self, message: Message) -> None:
        """The work is done and stored: remove the message; one that is gone is fine."""
        ...

    def retry(self, message: Message, body: str, delay_s: float) -> None:
        """Put `body` (the same work, its failures counted) in the message's place, receivable after `delay_s`.

        A message that is no longer ours is left to its holder. SQS sends a new message (a new id) and deletes this one:
        a crash between the two leaves both.
        """
        ...

    def set_aside(self, message: Message, reason: str) -> None:
        """Move a message to the dead ones, with the reason in words; one that is no longer ours is left alone."""
        ...

    def depth(self) -> Depth:
        """How full the queue is (SQS: approximately)."""
        ...

    def held(self) -> list[Message]:
        """The messages that workers hold now, where the queue can tell (SQLite), else none."""
        ...

    def dead(self) -> list[DeadMessage]:
        """What was set aside and not retried yet, newest first.

        On SQS this receives the dead messages and gives them back: while one call looks, another may not see them.
        """
        ...

    def retry_dead(self, id: str) -> None:
        """Move a dead message back; NotFoundError when there is none of this id."""
        ...


def check_body(body: str) -> str:
    """Return `body` unchanged; raise UsageError when not every queue would take it."""
    if not body or len(body) > MAX_BODY_BYTES or _ILLEGAL.search(body) or len(body.encode()) > MAX_BODY_BYTES:
        raise UsageError(
            f"the message {body[:60]!r} cannot be sent: 1 to {MAX_BODY_BYTES} bytes of UTF-8 without control characters"
        )
    return body


def clean_reason(reason: str) -> str:
    """The reason as every queue can keep it: never empty, cut to 2000 characters, strange ones replaced."""
    return _ILLEGAL.sub("?", reason)[:MAX_REASON_CHARACTERS].strip() or "no reason given"


def clamp_delay(delay_s: float) -> float:
    """The delay that a queue can keep, in seconds."""
    return min(max(delay_s, 0.0), MAX_DELAY_S)


def queue_file_url(path: Path) -> str:
    """The URL of the queue in a file of this machine, given by its absolute path."""
    return "sqlite://" + quote(os.fsencode(path))


def open_queue(url: str) -> Queue:
    """The queue that `url` names: `sqlite:///absolute/file` (made at first use) or an SQS queue's `https://…`.

    Raises UsageError for any other URL. Touches neither disk nor network yet.
    """
    # Imported here: each queue is built on this module, and boto3 takes half a second that one machine need not spend.
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and not parts.netloc and parts.path.strip("/") and parts.path[0] == "/":
        from panocast.queue_sqlite import SqliteQueue

        return SqliteQueue(Path("/" + unquote(parts.path, errors="surrogateescape").lstrip("/")))
    if parts.scheme in ("http", "https") and parts.netloc and parts.path.count("/") >= 2:
        from panocast.queue_sqs import SqsQueue

        return SqsQueue(url)
    raise UsageError(f"{url!r} names no queue: use sqlite:///absolute/file or the URL of an SQS queue")
