"""What every queue promises, shown on SQLite and on SQS (moto's server)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from panocast.errors import NotFoundError, TemporaryError, UsageError
from panocast.queue import LeaseLostError, Message, Queue, open_queue
from panocast.queue_sqs import SqsQueue, queue_region, sqs_client
from tests.aws import AwsServer

pytestmark = pytest.mark.slow


@pytest.fixture
def sqs_environment(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL")  # the queue's own URL says where it is


@pytest.fixture(params=["sqlite", "sqs"])
def queue(request: pytest.FixtureRequest, tmp_path: Path, aws: AwsServer, sqs_environment: None) -> Queue:
    return open_queue(f"sqlite://{tmp_path}/state/queue.db" if request.param == "sqlite" else aws.queue())


def take(queue: Queue, *, visibility_s: float = 30, wait_s: float = 0) -> Message:
    """The next message, which must be there."""
    message = queue.receive(wait_s=wait_s, visibility_s=visibility_s)
    assert message is not None
    return message


def nothing(queue: Queue) -> bool:
    return queue.receive(wait_s=0, visibility_s=30) is None


def test_what_is_sent_is_received(queue: Queue) -> None:
    body = '{"key": "uploads/ü 360°.mov", "tab": "\t"}'
    assert queue.send(body)
    message = take(open_queue(queue.url))
    assert (message.body, message.receives) == (body, 1)
    assert abs(datetime.now(UTC) - message.sent) < timedelta(seconds=60)
    assert nothing(queue)


@pytest.mark.parametrize("body", ["", "a\0b", "\ud800", "x" * 200_001, "ü" * 100_001])
def test_a_body_that_sqs_would_not_take_is_refused(queue: Queue, body: str) -> None:
    with pytest.raises(UsageError):
        queue.send(body)
    assert nothing(queue)


def test_receive_waits_for_a_message(queue: Queue) -> None:
    timer = threading.Timer(0.7, queue.send, ["late"])
    timer.start()
    assert take(queue, wait_s=10).body == "late"
    timer.join()


def test_receive_gives_up_after_the_wait(queue: Queue) -> None:
    start = time.monotonic()
    assert queue.receive(wait_s=1, visibility_s=30) is None
    assert 0.8 < time.monotonic() - start < 15, "of the 20 that SQS could wait"


def test_a_delayed_message_comes_later(queue: Queue) -> None:
    queue.send("later", delay_s=3)
    assert nothing(queue)
    assert take(queue, wait_s=20).body == "later"


def test_a_lapsed_lease_is_redelivered_under_another_receipt(queue: Queue) -> None:
    queue.send("work")
    first = take(queue, visibility_s=3)
    assert nothing(queue)
    second = take(queue, wait_s=20)
    assert (second.id, second.body, second.receives) == (first.id, "work", 2)
    assert second.receipt != first.receipt


def test_extend_holds_a_message_beyond_its_visibility(queue: Queue) -> None:
    queue.send("long work")
    message = take(queue, visibility_s=8)
    end = time.monotonic() + 9
    while time.monotonic() < end:
        assert nothing(queue)
        queue.extend(message, 8)
        time.sleep(0.5)
    assert take(queue, wait_s=20).receives == 2


def test_extend_of_a_deleted_message_says_that_it_is_lost(queue: Queue) -> None:
    queue.send("work")
    message = take(queue)
    queue.delete(message)
    with pytest.raises(LeaseLostError):
        queue.extend(message, 30)


def test_release_gives_a_message_back_at_once(queue: Queue) -> None:
    queue.send("work")
    message = take(queue)
    queue.release(message)
    assert take(queue).body == "work"


def test_delete_ends_a_message(queue: Queue) -> None:
    queue.send("work")
    message = take(queue, visibility_s=1)
    queue.delete(message)
    time.sleep(1.2)
    assert nothing(queue)


def test_what_is_gone_may_be_deleted_released_retried_and_set_aside(queue: Queue) -> None:
    queue.send("work")
    message = take(queue)
    queue.delete(message)
    queue.delete(message)
    queue.release(message)
    queue.retry(message, "again", 0)
    queue.set_aside(message, "why")
    assert nothing(queue)
    assert queue.dead() == []


def test_retry_puts_the_new_body_in_its_place_after_the_delay(queue: Queue) -> None:
    queue.send('{"failures": 0}')
    queue.retry(take(queue), '{"failures": 1}', 3)
    assert nothing(queue)
    message = take(queue, wait_s=20)
    assert (message.body, message.receives) == ('{"failures": 1}', 1)
    queue.delete(message)
    assert queue.depth().waiting == queue.depth().held == 0


def test_set_aside_keeps_the_body_and_the_reason(queue: Queue) -> None:
    queue.send("one")
    queue.set_aside(take(queue, visibility_s=1), "ffmpeg: no video\0 in it " + "x" * 5000)
    time.sleep(1.2)
    assert nothing(queue)
    (dead,) = queue.dead()
    assert dead.body == "one"
    assert dead.reason.startswith("ffmpeg: no video? in it xxx")
    assert abs(datetime.now(UTC) - dead.at) < timedelta(seconds=60)


def test_the_dead_are_listed_newest_first_as_often_as_one_looks(queue: Queue) -> None:
    for number in range(25):
        queue.send(str(number))
        queue.set_aside(take(queue), f"reason {number}")
    once = queue.dead()
    assert {(dead.body, dead.reason) for dead in once} == {(str(n), f"reason {n}") for n in range(25)}
    assert [dead.at for dead in once] == sorted((dead.at for dead in once), reverse=True)
    assert {dead.id for dead in queue.dead()} == {dead.id for dead in once}
    assert queue.depth().dead == 25


def test_a_dead_message_can_be_retried_once(queue: Queue) -> None:
    for body in ("one", "two"):
        queue.send(body)
        queue.set_aside(take(queue), "why")
    one, two = sorted(queue.dead(), key=lambda dead: dead.body)
    queue.retry_dead(two.id)
    assert (take(queue).body, nothing(queue)) == ("two", True)
    assert queue.dead() == [one]
    for id in (two.id, "no such id", "99999999999999999999"):
        with pytest.raises(NotFoundError):
            queue.retry_dead(id)
    assert queue.dead() == [one]


def test_depth_counts_waiting_delayed_held_and_dead(queue: Queue) -> None:
    assert (queue.depth().waiting, queue.depth().held, queue.depth().dead) == (0, 0, 0)
    for number in range(5):
        queue.send(str(number))
    queue.send("later", delay_s=60)
    queue.set_aside(take(queue), "why")
    take(queue)
    depth = queue.depth()
    assert (depth.waiting, depth.held, depth.dead) == (4, 1, 1)
    if queue.url.startswith("sqlite:"):
        assert depth.oldest_s is not None
        assert 0 <= depth.oldest_s < 60
    else:
        assert depth.oldest_s is None, "SQS does not tell"


def test_two_receivers_never_hold_one_message_at_the_same_time(queue: Queue) -> None:
    for number in range(60):
        queue.send(str(number))
    received: Counter[str] = Counter()
    lock = threading.Lock()

    def work(_: int) -> None:
        while (message := queue.receive(wait_s=0, visibility_s=60)) is not None:
            with lock:
                received[message.body] += 1
            if int(message.body) % 2:
                queue.delete(message)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert received == {str(number): 1 for number in range(60)}
    assert queue.depth().held == 30


# -- SQS alone ---------------------------------------------------------------------------------------------------------


def test_sqs_a_queue_without_a_dead_letter_queue_is_refused_at_the_first_receive(
    aws: AwsServer, sqs_environment: None
) -> None:
    queue = open_queue(aws.queue(max_receives=None))
    with pytest.raises(UsageError, match="no dead-letter queue"):
        queue.receive(wait_s=0, visibility_s=30)


def test_sqs_a_queue_that_is_not_there_is_a_usage_error(aws: AwsServer, sqs_environment: None) -> None:
    queue = SqsQueue(f"{aws.url}/123456789012/no-such-queue")
    with pytest.raises(UsageError, match="no such queue"):
        queue.receive(wait_s=0, visibility_s=30)
    with pytest.raises(UsageError, match="no such queue"):
        queue.send("work")


def test_sqs_an_endpoint_that_does_not_answer_is_temporary(sqs_environment: None) -> None:
    with pytest.raises(TemporaryError):
        SqsQueue("http://127.0.0.1:9/123456789012/queue").receive(wait_s=0, visibility_s=30)


def test_sqs_what_sqs_itself_sets_aside_is_listed_and_can_be_retried(aws: AwsServer, sqs_environment: None) -> None:
    queue = open_queue(aws.queue(max_receives=2))
    queue.send("deadly")
    for _ in range(2):
        queue.release(take(queue))
    assert nothing(queue)
    (dead,) = queue.dead()
    assert (dead.body, "too often" in dead.reason) == ("deadly", True)
    queue.retry_dead(dead.id)
    assert take(queue).body == "deadly"


def test_sqs_a_lease_ends_after_twelve_hours(aws: AwsServer, sqs_environment: None) -> None:
    """moto refuses like SQS when the total passes 43,200 s, counted from the sending."""
    queue = open_queue(aws.queue())
    queue.send("work")
    message = take(queue, visibility_s=50_000)
    time.sleep(1)
    with pytest.raises(LeaseLostError, match="43200"):
        queue.extend(message, 50_000)


def test_sqs_a_message_is_kept_while_it_moves(aws: AwsServer, sqs_environment: None) -> None:
    """Its lease is about to lapse; nobody else may get it between the sending of the new one and its deletion."""
    url = aws.queue()
    others: list[bool] = []

    def connect(url: str) -> Any:
        client = sqs_client(url)
        client.meta.events.register("before-call.sqs.DeleteMessage", lambda **_: look())
        return client

    def look() -> None:
        time.sleep(4.2)
        others.append(nothing(open_queue(url)))

    queue = SqsQueue(url, connect=connect)
    queue.send("work")
    queue.retry(take(queue, visibility_s=4), "again", 60)
    assert others == [True]


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/1/q", "eu-west-1"),
        ("https://sqs-fips.us-gov-west-1.amazonaws.com/1/q", "us-gov-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1"),
        ("https://vpce-0a-b.sqs.ap-southeast-2.vpce.amazonaws.com/1/q", "ap-southeast-2"),
        ("https://us-west-2.queue.amazonaws.com/1/q", "us-west-2"),
        ("https://queue.amazonaws.com/1/q", None),
        ("http://127.0.0.1:5000/1/q", None),
    ],
)
def test_sqs_the_region_is_the_one_that_the_url_names(url: str, region: str | None) -> None:
    assert queue_region(url) == region


def test_sqs_the_url_decides_on_region_and_endpoint(sqs_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    meta = sqs_client("https://sqs.us-east-2.amazonaws.com/1/q").meta
    assert (meta.region_name, meta.endpoint_url) == ("us-east-2", "https://sqs.us-east-2.amazonaws.com")
    assert sqs_client("http://127.0.0.1:99/1/q").meta.endpoint_url == "http://127.0.0.1:99"
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:98")
    assert sqs_client("http://127.0.0.1:99/1/q").meta.endpoint_url == "http://127.0.0.1:98"
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    assert sqs_client("http://127.0.0.1:99/1/q").meta.region_name == "us-east-1"
