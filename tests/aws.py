"""S3 and SQS on loopback: moto's real server, for tests that run against AWS's protocols.

    with aws_server() as aws:
        bucket, queue = aws.bucket(), aws.queue()          # a bucket's name, a queue's URL
        subprocess.run(command, env={**os.environ, **aws.environment})
        aws.client("s3").put_object(...)

It sets nothing globally; what it made is gone when its process ends.
"""

from __future__ import annotations

import io
import json
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

REGION = "eu-central-1"
Environ = dict[str, Any]
StartResponse = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class AwsServer:
    """A running server; `environment` is what makes boto3 use it, in this process or in a child's."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def forget(self) -> None:
        """Have nothing of what was made so far."""
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"), timeout=60):
            pass

    def client(self, service: str) -> Any:
        """A plain boto3 client of this server."""
        return _client(self.url, service)

    def bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        self.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def queue(self, *, max_receives: int | None = 1000) -> str:
        """The URL of a new queue; without a dead-letter queue where `max_receives` is None."""
        sqs, name = self.client("sqs"), f"test-{uuid.uuid4().hex[:12]}"
        attributes = {}
        if max_receives is not None:
            dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            policy = {"deadLetterTargetArn": arn, "maxReceiveCount": max_receives}
            attributes = {"RedrivePolicy": json.dumps(policy)}
        return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


@cache  # making one takes a good part of a second
def _client(url: str, service: str) -> Any:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    return session.client(  # type: ignore[call-overload]
        service, endpoint_url=url, config=Config(s3={"addressing_style": "path"})
    )


@contextmanager
def aws_server() -> Iterator[AwsServer]:
    """Run moto's server on a free loopback port, in a thread of this process."""
    application = _OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield AwsServer(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class _OneAtATime:
    """One request after the other. moto checks a condition (If-None-Match, is the message visible?) and then acts on
    it, where AWS does both in one; long polls become short ones, so that nobody waits behind them."""

    def __init__(self, application: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not environ.get("HTTP_X_AMZ_TARGET", "").endswith(".ReceiveMessage"):
            return self._answer(environ, start_response)
        request = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        deadline = time.monotonic() + request.get("WaitTimeSeconds", 0)
        body = json.dumps(request | {"WaitTimeSeconds": 0}).encode()
        while True:
            polled = environ | {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
            answers: list[tuple[Any, ...]] = []
            content = self._answer(polled, lambda *arguments: answers.append(arguments))  # noqa: B023 - called at once
            if b'"Messages"' in b"".join(content) or time.monotonic() > deadline:
                start_response(*answers[0])
                return content
            time.sleep(0.05)

    def _answer(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        with self._lock:
            return list(self._application(environ, start_response))
