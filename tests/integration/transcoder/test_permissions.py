"""The list of permissions is what the code really does in AWS: every call is allowed, and nothing in vain."""

from __future__ import annotations

import asyncio
import fnmatch
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from panocast.permissions import (
    DEAD_LETTERS,
    EGRESS,
    GROUP,
    INGEST,
    OPERATOR,
    QUEUE,
    WORKER,
    Permission,
    as_table,
)
from panocast.queue_sqs import SqsQueue, sqs_client
from panocast.store_s3 import S3Store, s3_client
from tests.integration.transcoder.site import Site, session_at
from tests.waiting import eventually
from transcoder.missing import missing_keys, unfinished
from transcoder.protection import Protection

pytestmark = pytest.mark.slow
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
S3_ACTIONS = {
    "HeadBucket": ["ListBucket"],
    "ListObjectsV2": ["ListBucket"],
    "HeadObject": ["GetObject"],
    "CopyObject": ["GetObject", "PutObject"],
    "CreateMultipartUpload": ["PutObject"],
    "UploadPart": ["PutObject"],
    "CompleteMultipartUpload": ["PutObject"],
    "DeleteObjects": ["DeleteObject"],
}
PIECES = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, preferred_transfer_client="classic")
Call = tuple[str, str]


class Recorder:
    """Writes down what clients ask for: the action, and the bucket, key or queue."""

    def __init__(self, buckets: dict[str, str]) -> None:
        self.calls: set[Call] = set()
        self._buckets = buckets

    def watch(self, client: Any) -> Any:
        """Listen to a client's calls."""
        client.meta.events.register("provide-client-params", self._note)
        return client

    def _note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if "QueueUrl" in params:
            on = DEAD_LETTERS if params["QueueUrl"].endswith("-dead") else QUEUE
            self.calls.add((f"sqs:{model.name}", on))
        elif "AutoScalingGroupName" in params:
            self.calls.add((f"autoscaling:{model.name}", GROUP))
        else:
            bucket = self._buckets[params["Bucket"]]
            keys = [found["Key"] for found in params.get("Delete", {}).get("Objects", [])] or [params.get("Key")]
            for action in S3_ACTIONS.get(model.name, [model.name]):
                self.calls |= {(f"s3:{action}", f"{bucket}/{key}" if key else bucket) for key in keys}


def allows(permission: Permission, call: Call) -> bool:
    return call[0] == permission.action and fnmatch.fnmatchcase(call[1], permission.on)


def check(permissions: Iterable[Permission], calls: set[Call]) -> None:
    """Every call is allowed by one, and each is used."""
    permissions = list(permissions)
    assert [call for call in sorted(calls) if not any(allows(p, call) for p in permissions)] == []
    assert [(p.action, p.on) for p in permissions if not any(allows(p, call) for call in calls)] == []


@pytest.fixture
def site(cloud: Site) -> Site:
    return cloud


@pytest.fixture
def recorder(site: Site) -> Recorder:
    """The site's stores and queue, watched."""
    names = {INGEST: site.ingest.url.removeprefix("s3://"), EGRESS: site.egress.url.removeprefix("s3://")}
    recorder = Recorder({bucket: name for name, bucket in names.items()})

    def connect_s3() -> Any:
        return recorder.watch(s3_client())

    site.ingest = S3Store(names[INGEST], connect=connect_s3, transfer=PIECES)
    site.egress = S3Store(names[EGRESS], connect=connect_s3, transfer=PIECES)
    site.queue = SqsQueue(site.queue.url, connect=lambda url: recorder.watch(sqs_client(url)))
    return recorder


async def test_a_workers_permissions_are_what_it_does(
    site: Site, recorder: Recorder, small_parts: list[Path], small: Path, tmp_path: Path
) -> None:
    site.record(session_at(), small_parts)
    site.upload("good.mp4", small)
    site.upload("bad.mp4", b"a letter, not a video" * 100)
    recorder.calls.clear()  # that was not the worker
    await site.work()
    site.announce_parts()
    await site.work()
    assert len(site.masters()) == 2
    assert len(site.keys("failed/")) == 1
    large = tmp_path / "large"
    large.write_bytes(bytes(11 << 20))
    for store, key in ((site.ingest, session_at(5).part_key(1)), (site.egress, "work/large")):
        lose_a_large_put(store, key, large)
    site.queue.depth()
    worker = Protection("workers", "i-1", connect=lambda: recorder.watch(FakeGroup()), linger_s=0)
    task = asyncio.create_task(worker.run())
    worker.busy()
    await eventually(lambda: [call for call in recorder.calls if call[1] == GROUP], every_s=0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    check(WORKER, recorder.calls)


class FakeGroup:
    """A client of Auto Scaling that only tells what it is asked for."""

    def __init__(self) -> None:
        self.meta = self
        self.events = self
        self._listeners: list[Callable[..., None]] = []

    def register(self, _: str, listener: Callable[..., None]) -> None:
        self._listeners.append(listener)

    def set_instance_protection(self, **params: Any) -> None:
        model = type("Model", (), {"name": "SetInstanceProtection"})
        for listener in self._listeners:
            listener(params=params, model=model)


def lose_a_large_put(store: Any, key: str, large: Path) -> None:
    """A put in pieces whose commit loses: what was sent is removed."""
    rival = s3_client()
    bucket = store.url.removeprefix("s3://")
    client = store._client(only_new=True)

    def be_quicker(**_: Any) -> None:
        rival.put_object(Bucket=bucket, Key=key, Body=b"rival")

    client.meta.events.register("before-call.s3.CompleteMultipartUpload", be_quicker)
    assert not store.put_file(key, large, if_absent=True)


async def test_an_operators_permissions_are_what_the_commands_do(
    site: Site, recorder: Recorder, small: Path, tmp_path: Path
) -> None:
    site.record(session_at(), [small], closed=True, announce=False)
    site.queue.send(json.dumps({"job": {"key": "uploads/a.mp4"}}))
    message = site.queue.receive(wait_s=5, visibility_s=60)
    assert message is not None
    site.queue.set_aside(message, "for a test")
    large = tmp_path / "large"
    large.write_bytes(bytes(11 << 20))
    recorder.calls.clear()
    # submit
    site.ingest.put_file("uploads/7f/small.mp4", small)
    lose_a_large_put(site.ingest, "uploads/7f/large.mp4", large)
    # jobs, submit --missing
    site.queue.depth()
    assert len(unfinished(site.ingest, site.egress)) == 1
    for key in missing_keys(site.ingest, site.egress):
        site.queue.send(json.dumps({"job": {"key": key}}))
    # dead, dead retry
    (dead,) = site.queue.dead()
    site.queue.retry_dead(dead.id)
    # (Asked for after the lost put only: the keys of `submit` are new ones.)
    check(OPERATOR, {call for call in recorder.calls if call != ("s3:GetObject", f"{INGEST}/uploads/7f/large.mp4")})


def test_the_page_lists_just_these() -> None:
    page = (Path(__file__).parents[3] / "docs/aws-permissions.md").read_text()
    assert as_table(WORKER) in page
    assert as_table(OPERATOR) in page
