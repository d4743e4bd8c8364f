"""A queue in SQS (a standard one, with a dead-letter queue), or in a service that speaks its protocol.

What it may have to do: panocast/permissions.py.
"""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from panocast import aws
from panocast.errors import NotFoundError, SetupError
from panocast.queue import DeadMessage, Depth, LeaseLostError, Message, check_body, clamp_delay, clean_reason

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

LONG_POLL_S = 20  # SQS's limit
MAX_VISIBILITY_S = 43_200  # SQS's limit, for one lease in all
# For how long a message is made ours again while it moves: more than two requests take, with their repetitions.
MOVE_S = 60
# For how long dead messages are hidden while one looks at them, unless given back earlier.
PEEK_S = 60
REASON = "reason"
_REGION = re.compile(r"(?:^|\.)sqs[.-](?:fips\.)?([a-z0-9-]+-\d)\.|^([a-z0-9-]+-\d)\.queue\.")
_GONE = {
    "ReceiptHandleIsInvalid",
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
    "InvalidParameterValue",
}


def sqs_client(url: str) -> SQSClient:
    """A client for the queue at `url`: the region that it names, else boto3's; its host, where that is not Amazon's
    and boto3's environment names no endpoint."""
    session = aws.new_session()
    host = urlsplit(url)
    endpoint = f"{host.scheme}://{host.netloc}"
    region = queue_region(url) or session.region_name or (None if aws.is_amazon(endpoint) else "us-east-1")
    client = session.client("sqs", region_name=region, config=aws.CLIENT_CONFIG)
    if aws.is_amazon(endpoint) or not aws.is_amazon(client.meta.endpoint_url):
        return client
    return session.client("sqs", region_name=region, endpoint_url=endpoint, config=aws.CLIENT_CONFIG)


def queue_region(url: str) -> str | None:
    """The region that a queue's URL names, such as eu-central-1."""
    match = _REGION.search(urlsplit(url).hostname or "")
    return (match[1] or match[2]) if match else None


class SqsQueue:
    """Messages in the SQS queue at `url`; the client is made by `connect` at first use.

    Raises UsageError at the first receive or set_aside when the queue has no dead-letter queue.
    """

    def __init__(self, url: str, *, connect: Callable[[str], SQSClient] = sqs_client) -> None:
        self._url = url
        self._connect = connect
        self._lock = threading.Lock()
        self._opened: SQSClient | None = None
        self._dead: str | None = None

    @property
    def url(self) -> str:
        return self._url

    def send(self, body: str, *, dedupe: str | None = None, delay_s: float = 0) -> bool:
        check_body(body)
        with aws.translated(f"cannot send to {self._url}"):
            self._client().send_message(
                QueueUrl=self._url, MessageBody=body, DelaySeconds=math.ceil(clamp_delay(delay_s))
            )
        return True

    def receive(self, *, wait_s: float, visibility_s: float) -> Message | None:
        self._dead_url()
        deadline = time.monotonic() + wait_s
        while True:
            left = max(0.0, deadline - time.monotonic())
            found = self._receive(self._url, 1, math.ceil(left), visibility_s)
            if found or left <= LONG_POLL_S:
                return _message(found[0]) if found else None

    def extend(self, message: Message, visibility_s: float) -> None:
        with aws.translated(f"cannot extend the lease of {message.id} in {self._url}"):
            try:
                self._hide(self._url, message.receipt, visibility_s)
            except ClientError as error:
                # InvalidParameterValue: no longer in flight, or held for twelve hours.
                if aws.error_code(error) in _GONE:
                    raise LeaseLostError(f"message {message.id} is no longer ours: {error}") from error
                raise

    def release(self, message: Message) -> None:
        with aws.translated(f"cannot give {message.id} back to {self._url}"):
            try:
                self._hide(self._url, message.receipt, 0)
            except ClientError as error:
                if aws.error_code(error) not in _GONE:
                    raise

    def delete(self, message: Message) -> None:
        self._delete(self._url, message.receipt)

    def retry(self, message: Message, body: str, delay_s: float) -> None:
        check_body(body)
        if self._keep(message):
            self.send(body, delay_s=delay_s)
            self.delete(message)

    def set_aside(self, message: Message, reason: str) -> None:
        dead = self._dead_url()
        if self._keep(message):
            with aws.translated(f"cannot send to {dead}"):
                self._client().send_message(
                    QueueUrl=dead,
                    MessageBody=message.body,
                    MessageAttributes={REASON: {"DataType": "String", "StringValue": clean_reason(reason)}},
                )
            self.delete(message)

    def depth(self) -> Depth:
        waiting, held, delayed = self._counts(self._url)
        dead, looked_at, _ = self._counts(self._dead_url())
        return Depth(waiting + delayed, held, dead + looked_at, oldest_s=None)

    def held(self) -> list[Message]:
        return []

    def dead(self) -> list[DeadMessage]:
        found = [_dead_message(message) for message in self._peek()]
        return sorted(found, key=lambda message: message.at, reverse=True)

    def retry_dead(self, id: str) -> None:
        with closing(self._peek()) as messages:
            for message in messages:
                if message["MessageId"] == id:
                    self.send(message["Body"])
                    self._delete(self._dead_url(), message["ReceiptHandle"])
                    return
        raise NotFoundError(f"no message {id} is set aside in {self._dead_url()}")

    def _peek(self) -> Generator[MessageTypeDef]:
        """Every dead message; what was not deleted meanwhile is given back at the end."""
        url = self._dead_url()
        seen: dict[str, MessageTypeDef] = {}
        try:
            while found := self._receive(url, 10, 1, PEEK_S):
                if all(message["MessageId"] in seen for message in found):  # it took longer than they stay hidden
                    break
                for message in found:
                    seen[message["MessageId"]] = message
                    yield message
        finally:
            with aws.translated(f"cannot give messages back to {url}"):
                for message in seen.values():
                    try:
                        self._hide(url, message["ReceiptHandle"], 0)
                    except ClientError as error:
                        if aws.error_code(error) not in _GONE:
                            raise

    def _receive(self, url: str, count: int, wait_s: int, visibility_s: float) -> list[MessageTypeDef]:
        with aws.translated(f"cannot receive from {url}"):
            answer = self._client().receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=count,
                WaitTimeSeconds=min(wait_s, LONG_POLL_S),
                VisibilityTimeout=_whole(visibility_s),
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
                MessageAttributeNames=[REASON],
            )
        return answer.get("Messages", [])

    def _hide(self, url: str, receipt: str, visibility_s: float) -> None:
        self._client().change_message_visibility(
            QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=_whole(visibility_s)
        )

    def _delete(self, url: str, receipt: str) -> None:
        with aws.translated(f"cannot delete from {url}"):
            try:
                self._client().delete_message(QueueUrl=url, ReceiptHandle=receipt)
            except ClientError as error:
                if aws.error_code(error) not in _GONE:
                    raise

    def _keep(self, message: Message) -> bool:
        """Hold a message while it moves; False when it is no longer ours, so that no second copy of it is made."""
        try:
            self.extend(message, MOVE_S)
        except LeaseLostError:
            return False
        return True

    def _counts(self, url: str) -> tuple[int, int, int]:
        """About how many messages are visible, in flight and delayed."""
        with aws.translated(f"cannot look at {url}"):
            counts = self._client().get_queue_attributes(
                QueueUrl=url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                    "ApproximateNumberOfMessagesDelayed",
                ],
            )["Attributes"]
        return (
            int(counts["ApproximateNumberOfMessages"]),
            int(counts["ApproximateNumberOfMessagesNotVisible"]),
            int(counts["ApproximateNumberOfMessagesDelayed"]),
        )

    def _dead_url(self) -> str:
        """The URL of the dead-letter queue: SQS demands that it is of the same account and region."""
        if self._dead is None:
            with aws.translated(f"cannot look at {self._url}"):
                answer = self._client().get_queue_attributes(QueueUrl=self._url, AttributeNames=["RedrivePolicy"])
            policy = json.loads(answer.get("Attributes", {}).get("RedrivePolicy") or "{}")
            if "deadLetterTargetArn" not in policy:
                raise SetupError(f"the queue {self._url} has no dead-letter queue: set its RedrivePolicy")
            name = str(policy["deadLetterTargetArn"]).rpartition(":")[2]
            self._dead = f"{self._url.rstrip('/').rpartition('/')[0]}/{name}"
        return self._dead

    def _client(self) -> SQSClient:
        with self._lock:
            if self._opened is None:
                with aws.translated(f"cannot open {self._url}"):
                    self._opened = self._connect(self._url)
            return self._opened


def _whole(visibility_s: float) -> int:
    return min(math.ceil(visibility_s), MAX_VISIBILITY_S)


def _sent(message: MessageTypeDef) -> datetime:
    return datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)


def _message(found: MessageTypeDef) -> Message:
    receives = int(found["Attributes"]["ApproximateReceiveCount"])
    return Message(found["MessageId"], found["Body"], found["ReceiptHandle"], receives, _sent(found))


def _dead_message(found: MessageTypeDef) -> DeadMessage:
    attributes = found.get("MessageAttributes", {})
    words = "received too often, and never finished (SQS itself set it aside)"
    if REASON in attributes:
        words = attributes[REASON].get("StringValue", "")
    return DeadMessage(found["MessageId"], found["Body"], words, _sent(found))
