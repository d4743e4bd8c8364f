"""A store in an S3 bucket, or in any service that speaks S3 with conditional writes.

What it may have to do: panocast/permissions.py. Every object goes up with a checksum that S3 compares (CRC32, of each
piece where it goes in pieces); what comes down whole is compared with it again.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.s3.transfer import TransferConfig, create_transfer_manager
from botocore.exceptions import ClientError
from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError
from s3transfer.subscribers import BaseSubscriber

from panocast import aws
from panocast.errors import SetupError, TemporaryError, UsageError
from panocast.headers import cache_control, media_type
from panocast.store import Stat, check_key, check_prefix, is_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Pieces of 16 MiB reach 156 GiB within S3's 10,000 (s3transfer makes them larger beyond). Four at once fill a small
# machine's network; a worker moves several objects at the same time. classic: the same code everywhere, no awscrt.
TRANSFER = TransferConfig(
    multipart_threshold=32 << 20, multipart_chunksize=16 << 20, max_concurrency=4, preferred_transfer_client="classic"
)
# What one CopyObject does not take (5 GB) is copied in pieces.
COPY = TransferConfig(multipart_threshold=1 << 30, multipart_chunksize=256 << 20, preferred_transfer_client="classic")
_TOO_LARGE = {"InvalidRequest", "EntityTooLarge"}
DELETE_BATCH = 1000
# S3 answers 409 while another conditional write of the key is under way: soon it is decided who won.
CONFLICT_TRIES = 6
CONFLICT_PAUSE_S = 0.2
# Names a write, so that a retried request can tell its own first try (whose answer was lost) from a rival's object.
WRITE_ID = "panocast-write"


def s3_client(*, hasty: bool = False) -> S3Client:
    """A client from boto3's environment; a `hasty` one gives up within seconds."""
    session = aws.new_session()
    config = aws.HASTY_CONFIG if hasty else aws.CLIENT_CONFIG
    client = session.client("s3", config=config)
    if aws.is_amazon(client.meta.endpoint_url):
        return client
    return session.client("s3", config=config.merge(aws.PATH_STYLE))


def _headers(key: str) -> dict[str, Any]:
    """What S3 is to say of an object to whoever it serves itself (CloudFront); copies keep it."""
    return {"ContentType": media_type(key), "CacheControl": cache_control(key)}


class S3Store:
    """Objects in `bucket` below `prefix`; the client is made by `connect` at first use."""

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        connect: Callable[[], S3Client] = s3_client,
        transfer: TransferConfig = TRANSFER,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bucket = bucket
        self._base = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._connect = connect
        self._transfer = transfer
        self._sleep = sleep
        self._lock = threading.Lock()
        self._clients: dict[bool, S3Client] = {}

    @property
    def url(self) -> str:
        return f"s3://{self._bucket}/{self._base}".rstrip("/")

    @property
    def at_once(self) -> int:
        return aws.CONNECTIONS

    def put_file(self, key: str, path: Path, *, if_absent: bool = False) -> bool:
        if if_absent and self.stat(key):  # spares the upload; S3 decides at its end
            return False
        name = self._name(key)
        client = self._client(only_new=if_absent)

        def upload(metadata: dict[str, str]) -> None:
            try:
                if path.stat().st_size < self._transfer.multipart_threshold:  # a segment: one request, no threads
                    with path.open("rb") as body:
                        client.put_object(Bucket=self._bucket, Key=name, Body=body, Metadata=metadata, **_headers(key))
                    return
                with create_transfer_manager(client, self._transfer) as manager:
                    extra = {"Metadata": metadata, **_headers(key)}
                    manager.upload(str(path), self._bucket, name, extra_args=extra).result()
            except OSError as error:
                raise UsageError(f"cannot read {path}: {error.strerror or error}") from error

        return self._commit(key, upload)

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> bool:
        name = self._name(key)
        client = self._client()
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent else {}
        if if_match is not None:
            condition["IfMatch"] = f'"{if_match}"'

        def put(metadata: dict[str, str]) -> None:
            client.put_object(Bucket=self._bucket, Key=name, Body=data, Metadata=metadata, **_headers(key), **condition)

        return self._commit(key, put)

    def get_bytes(self, key: str) -> tuple[bytes, Stat]:
        name, client = self._name(key), self._client()
        with aws.translated(f"cannot read {self.url}/{key}"):
            answer = client.get_object(Bucket=self._bucket, Key=name)
            data = answer["Body"].read()
        return data, _stat(key, answer["ContentLength"], answer["ETag"], answer["LastModified"])

    def get_file(self, key: str, path: Path) -> Stat:
        name, client = self._name(key), self._client()
        with aws.translated(f"cannot read {self.url}/{key}"):
            try:
                head = client.head_object(Bucket=self._bucket, Key=name)
            except ClientError as error:
                if aws.status(error) == 404:  # of the object, or of a bucket that was there before
                    self._check_bucket(client)
                raise
            stat = _stat(key, head["ContentLength"], head["ETag"], head["LastModified"])
            try:
                with create_transfer_manager(client, self._transfer) as manager:
                    # Writes beside `path` and renames; every piece is asked for with the etag seen above.
                    manager.download(self._bucket, name, str(path), subscribers=[_JustThis(stat)]).result()
            except S3DownloadFailedError as error:  # 412
                raise TemporaryError(f"{self.url}/{key} was replaced while it was read") from error
            except RetriesExceededError as error:
                raise TemporaryError(f"cannot read {self.url}/{key}: {error.last_exception}") from error
            except OSError as error:
                raise TemporaryError(f"cannot write {path}: {error.strerror or error}") from error
        return stat

    def stat(self, key: str) -> Stat | None:
        name, client = self._name(key), self._client()
        with aws.translated(f"cannot look at {self.url}/{key}"):
            try:
                head = client.head_object(Bucket=self._bucket, Key=name)
            except ClientError as error:
                if aws.status(error) == 404:
                    return None
                raise
        return _stat(key, head["ContentLength"], head["ETag"], head["LastModified"])

    def list(self, prefix: str) -> Iterator[Stat]:
        check_prefix(prefix)
        for found in self._every(prefix):
            if is_key(found.key):
                yield found

    def copy(self, source: str, target: str) -> None:
        where = {"Bucket": self._bucket, "Key": self._name(source)}
        name, client = self._name(target), self._client()
        with aws.translated(f"cannot copy {self.url}/{source} to {target}"):
            try:  # one request; boto3's own copy asks for the size first, and starts threads
                client.copy_object(CopySource=where, Bucket=self._bucket, Key=name)  # type: ignore[arg-type]
            except ClientError as error:
                if aws.error_code(error) not in _TOO_LARGE:
                    raise
                client.copy(where, self._bucket, name, Config=COPY)  # type: ignore[arg-type]

    def delete(self, key: str) -> None:
        name, client = self._name(key), self._client()
        with aws.translated(f"cannot remove {self.url}/{key}"):
            client.delete_object(Bucket=self._bucket, Key=name)

    def delete_prefix(self, prefix: str) -> None:
        check_prefix(prefix, whole_folder=True)
        names = [self._base + found.key for found in self._every(prefix)]
        for start in range(0, len(names), DELETE_BATCH):
            self._delete_batch(prefix, names[start : start + DELETE_BATCH])

    def _delete_batch(self, prefix: str, names: Sequence[str]) -> None:
        client = self._client()
        with aws.translated(f"cannot remove {self.url}/{prefix}"):
            answer = client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": [{"Key": name} for name in names], "Quiet": True}
            )
        if errors := answer.get("Errors"):
            first = errors[0]
            said = f"{first.get('Key')}: {first.get('Code')} {first.get('Message')}"
            raise TemporaryError(f"cannot remove {len(errors)} objects of {self.url}/{prefix}: {said}")

    def _every(self, prefix: str) -> Iterator[Stat]:
        """Every object below the prefix, those with illegal keys (a console's "folders"), too."""
        client = self._client()
        with aws.translated(f"cannot list {self.url}/{prefix}"):
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._base + prefix)
            for page in pages:
                for found in page.get("Contents", []):
                    key = found["Key"].removeprefix(self._base)
                    yield _stat(key, found["Size"], found["ETag"], found["LastModified"])

    def _commit(self, key: str, write: Callable[[dict[str, str]], None]) -> bool:
        """Run a write, conditional or not; False when its condition does not hold.

        boto3 repeats a request whose answer was lost, and the repetition of a write that had worked meets itself: an
        object with this write's own id means that it worked.
        """
        write_id = uuid.uuid4().hex
        with aws.translated(f"cannot write {self.url}/{key}"):
            for _ in range(CONFLICT_TRIES):
                try:
                    write({WRITE_ID: write_id})
                except ClientError as error:
                    if aws.status(error) == 412 or aws.error_code(error) == "NoSuchKey":  # IfMatch, and nothing there
                        return self._written_by(key) == write_id
                    if aws.status(error) != 409:
                        raise
                    self._sleep(CONFLICT_PAUSE_S)
                else:
                    return True
        raise TemporaryError(f"cannot write {self.url}/{key}: others keep writing it")

    def _written_by(self, key: str) -> str | None:
        try:
            head = self._client().head_object(Bucket=self._bucket, Key=self._name(key))
        except ClientError as error:
            if aws.status(error) == 404:
                return None
            raise
        return head["Metadata"].get(WRITE_ID)

    def _name(self, key: str) -> str:
        """The object's key in the bucket."""
        check_key(key)
        try:
            key.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"{key[:100]!r} cannot be a key in S3: it is not Unicode") from error
        return self._base + key

    def _client(self, *, only_new: bool = False) -> S3Client:
        """The client, made and tried out at first use; one whose every write demands a new key, if `only_new`."""
        with self._lock:
            if only_new not in self._clients:
                with aws.translated(f"cannot open {self.url}"):
                    client = self._connect()
                    if not self._clients:
                        self._check_bucket(client)
                if only_new:
                    # s3transfer has no argument for it. In a multipart upload the last request decides.
                    for operation in ("PutObject", "CompleteMultipartUpload"):
                        client.meta.events.register(f"before-parameter-build.s3.{operation}", _demand_new)
                self._clients[only_new] = client
            return self._clients[only_new]

    def _check_bucket(self, client: S3Client) -> None:
        """UsageError when the bucket is not there, which a HEAD of an object does not tell from a missing object."""
        try:
            client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if aws.status(error) == 404:
                raise SetupError(f"there is no bucket {self._bucket}: check the setting {self.url}") from error
            raise


class _JustThis(BaseSubscriber):
    """Tells a download what it is to find, so that it asks for nothing else."""

    def __init__(self, stat: Stat) -> None:
        self._stat = stat

    def on_queued(self, future: Any, **_: Any) -> None:
        future.meta.provide_transfer_size(self._stat.size)
        future.meta.provide_object_etag(f'"{self._stat.etag}"')


def _demand_new(params: dict[str, Any], **_: Any) -> None:
    params["IfNoneMatch"] = "*"


def _stat(key: str, size: int, etag: str, modified: datetime) -> Stat:
    return Stat(key, size, etag.strip('"'), modified)
