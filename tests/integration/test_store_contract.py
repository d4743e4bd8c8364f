"""What every store promises, shown on a directory and on S3 (moto's server)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from panocast.errors import NotFoundError, TemporaryError, UsageError
from panocast.store import Store, open_store
from panocast.store_s3 import DELETE_BATCH, S3Store, s3_client
from tests.aws import AwsServer

pytestmark = pytest.mark.slow

# The smallest that S3 allows: uploads of a few megabytes go in several pieces.
PIECES = TransferConfig(
    multipart_threshold=5 << 20, multipart_chunksize=5 << 20, preferred_transfer_client="classic", max_concurrency=4
)


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Store:
    if request.param == "directory":
        return open_store((tmp_path / "a store").as_uri())
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    return open_store(f"s3://{aws.bucket()}/some/prefix")


@pytest.fixture
def bucket(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    return aws.bucket()


def keys(store: Store, prefix: str = "") -> list[str]:
    return [stat.key for stat in store.list(prefix)]


def test_its_url_opens_the_same_store_again(store: Store) -> None:
    store.put_bytes("a/b", b"content")
    assert open_store(store.url).get_bytes("a/b")[0] == b"content"


def test_what_is_put_is_got(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 5000)
    assert store.put_file("vod/x/1.m4s", source)
    data, stat = store.get_bytes("vod/x/1.m4s")
    assert data == source.read_bytes()
    assert stat == store.stat("vod/x/1.m4s") == next(store.list("vod/"))
    assert stat.size == len(data)
    assert abs(datetime.now(UTC) - stat.modified) < timedelta(seconds=60)
    assert store.get_file("vod/x/1.m4s", tmp_path / "copy") == stat
    assert (tmp_path / "copy").read_bytes() == data


def test_get_file_replaces_a_file_and_leaves_nothing_beside_it(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "file").write_bytes(b"old and longer")
    store.put_bytes("a", b"new")
    store.get_file("a", folder / "file")
    with pytest.raises(NotFoundError):
        store.get_file("b", folder / "file")
    assert [(p.name, p.read_bytes()) for p in folder.iterdir()] == [("file", b"new")]


def test_an_empty_object_is_an_object(store: Store, tmp_path: Path) -> None:
    store.put_bytes("empty", b"")
    assert store.get_bytes("empty")[0] == b""
    assert store.get_file("empty", tmp_path / "copy").size == 0
    assert (tmp_path / "copy").read_bytes() == b""


def test_a_put_replaces_and_changes_the_etag(store: Store) -> None:
    store.put_bytes("a", b"one")
    before = store.stat("a")
    assert store.put_bytes("a", b"two")
    data, after = store.get_bytes("a")
    assert data == b"two"
    assert before is not None
    assert after.etag != before.etag


def test_the_second_put_if_absent_loses_and_leaves_the_first_content(store: Store, tmp_path: Path) -> None:
    (tmp_path / "two").write_bytes(b"two")
    assert store.put_bytes("a/b", b"one", if_absent=True)
    assert not store.put_bytes("a/b", b"two", if_absent=True)
    assert not store.put_file("a/b", tmp_path / "two", if_absent=True)
    assert store.get_bytes("a/b")[0] == b"one"
    assert store.put_file("a/c", tmp_path / "two", if_absent=True)
    assert store.get_bytes("a/c")[0] == b"two"


def test_of_many_put_if_absent_at_once_one_wins(store: Store, tmp_path: Path) -> None:
    start = threading.Barrier(8)

    def put(number: int) -> bool:
        path = tmp_path / str(number)
        path.write_text(str(number))
        start.wait()
        return store.put_file("a/b", path, if_absent=True)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(put, range(8)))
    assert won.count(True) == 1
    assert store.get_bytes("a/b")[0] == str(won.index(True)).encode()


def test_if_match_holds_for_the_etag_seen_only(store: Store) -> None:
    assert not store.put_bytes("a", b"one", if_match="0-0-0")
    assert store.stat("a") is None
    store.put_bytes("a", b"one")
    _, seen = store.get_bytes("a")
    assert store.put_bytes("a", b"two", if_match=seen.etag)
    assert not store.put_bytes("a", b"three", if_match=seen.etag)
    assert store.get_bytes("a")[0] == b"two"


def test_compare_and_swap_loses_no_increment(store: Store) -> None:
    store.put_bytes("counter", b"0")

    def count(_: int) -> None:
        while True:
            data, stat = store.get_bytes("counter")
            if store.put_bytes("counter", str(int(data) + 1).encode(), if_match=stat.etag):
                return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(40)))
    assert store.get_bytes("counter")[0] == b"40"


def test_a_missing_object_is_not_found(store: Store, tmp_path: Path) -> None:
    store.put_bytes("there/a", b"")
    for key in ("missing", "there", "there/b", "there/a/b"):
        assert store.stat(key) is None
        with pytest.raises(NotFoundError):
            store.get_bytes(key)
        with pytest.raises(NotFoundError):
            store.get_file(key, tmp_path / "copy")
        with pytest.raises(NotFoundError):
            store.copy(key, "target")
        store.delete(key)
    assert keys(store) == ["there/a"]


def test_list_gives_the_keys_of_a_prefix_in_order(store: Store) -> None:
    names = ["a-b", "a.b/c", "a/b", "a/b.c", "a/c/d", "a0", "b/ü", "b/z", "ba"]
    for name in reversed(names):
        store.put_bytes(name, b"")
    assert keys(store) == sorted(names, key=str.encode)
    assert keys(store, "a/") == ["a/b", "a/b.c", "a/c/d"]
    assert keys(store, "a") == ["a-b", "a.b/c", "a/b", "a/b.c", "a/c/d", "a0"]
    assert keys(store, "b") == ["b/z", "b/ü", "ba"]
    assert keys(store, "b/z") == ["b/z"]
    assert keys(store, "c") == keys(store, "c/") == keys(store, "ba/") == []


def test_a_store_that_holds_nothing_lists_nothing(store: Store) -> None:
    assert keys(store) == keys(store, "vod/") == []
    assert store.stat("a") is None
    store.delete("a")
    store.delete_prefix("a/")


def test_a_copy_outlives_its_source(store: Store) -> None:
    store.put_bytes("work/a", b"content")
    store.put_bytes("vod/a", b"old")
    store.copy("work/a", "vod/a")
    store.copy("work/a", "vod/a")
    store.put_bytes("work/a", b"changed")
    store.delete("work/a")
    assert store.get_bytes("vod/a")[0] == b"content"


def test_delete_removes_one_object_and_delete_prefix_a_folder(store: Store) -> None:
    for name in ["work/a/1", "work/a/2/3", "work/ab", "vod/a/1"]:
        store.put_bytes(name, b"")
    store.delete("vod/a/1")
    store.delete("vod/a/1")
    store.delete_prefix("work/a/")
    assert keys(store) == ["work/ab"]


def test_delete_prefix_needs_a_whole_folder(store: Store) -> None:
    store.put_bytes("work/a", b"")
    for prefix in ("", "/", "work", "../", "work/../"):
        with pytest.raises(UsageError):
            store.delete_prefix(prefix)
    assert keys(store) == ["work/a"]


@pytest.mark.parametrize(
    "key",
    ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", ".tmp/a", "a/.b", "a\0b", "x" * 256, "\ud800"],
)
def test_illegal_keys_are_refused(store: Store, key: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store.put_bytes("a", b"")
    for call in (
        lambda: store.put_bytes(key, b""),
        lambda: store.put_file(key, tmp_path / "file"),
        lambda: store.put_file(key, tmp_path / "file", if_absent=True),
        lambda: store.get_bytes(key),
        lambda: store.stat(key),
        lambda: store.copy("a", key),
        lambda: store.copy(key, "b"),
        lambda: store.delete(key),
    ):
        with pytest.raises(UsageError):
            call()


def test_a_missing_source_file_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no-such-file"):
        store.put_file("a", tmp_path / "no-such-file")
    assert store.stat("a") is None


# -- S3 alone ----------------------------------------------------------------------------------------------------------


def test_s3_if_absent_decides_multipart_uploads_too(bucket: str, tmp_path: Path) -> None:
    """A rival commits while our pieces are on their way: its object stays, and no pieces are left behind."""
    path = tmp_path / "large"
    path.write_bytes(b"x" * (11 << 20))
    client = s3_client()

    def connect() -> Any:
        late = s3_client()
        late.meta.events.register("before-call.s3.CompleteMultipartUpload", rival)
        return late

    def rival(**_: Any) -> None:
        client.put_object(Bucket=bucket, Key="a", Body=b"rival")

    assert not S3Store(bucket, connect=connect, transfer=PIECES).put_file("a", path, if_absent=True)
    assert S3Store(bucket).get_bytes("a")[0] == b"rival"
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)
    store = S3Store(bucket, transfer=PIECES)
    assert store.put_file("b", path, if_absent=True)
    assert store.get_file("b", tmp_path / "copy").etag.endswith("-3")
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


def test_s3_every_request_that_carries_content_carries_its_checksum(bucket: str, tmp_path: Path) -> None:
    """A byte that flips on the way is refused by S3, in one piece or in many."""
    path = tmp_path / "large"
    path.write_bytes(b"x" * (11 << 20))
    sent: list[tuple[str, bool]] = []

    def note(request: Any, operation_name: str, **_: Any) -> None:
        if operation_name in ("PutObject", "UploadPart"):
            names = {*map(str.lower, request.headers), str(request.headers.get("X-Amz-Trailer", b"").decode())}
            sent.append((operation_name, "x-amz-checksum-crc32" in names))

    def connect() -> Any:
        client = s3_client()
        client.meta.events.register("request-created.s3", note)
        return client

    store = S3Store(bucket, connect=connect, transfer=PIECES)
    store.put_bytes("a", b"a")
    store.put_file("b", path)
    (tmp_path / "small").write_bytes(b"small")
    store.put_file("c", tmp_path / "small")
    assert sent == [("PutObject", True), *[("UploadPart", True)] * 3, ("PutObject", True)]


@pytest.mark.parametrize("condition", ["if_absent", "if_match"])
def test_s3_a_repeated_put_knows_its_own_first_try(bucket: str, condition: str) -> None:
    """The first answer is lost after S3 stored the object; boto3 repeats, and meets 412."""
    etag = s3_client().put_object(Bucket=bucket, Key="b", Body=b"before")["ETag"].strip('"')
    lost: list[int] = []

    def lose(response: Any, **_: Any) -> Any:
        if response and not lost:
            lost.append(response[0].status_code)
            return 0.0  # "retry after 0 s", as after a broken connection
        return None

    def connect() -> Any:
        client = s3_client()
        client.meta.events.register_first("needs-retry.s3.PutObject", lose)
        return client

    store = S3Store(bucket, connect=connect)
    if condition == "if_absent":
        assert store.put_bytes("a", b"ours", if_absent=True)
        assert not store.put_bytes("a", b"theirs", if_absent=True)
    else:
        assert store.put_bytes("b", b"ours", if_match=etag)
        assert not store.put_bytes("b", b"theirs", if_match=etag)
    assert lost == [200]


def test_s3_a_conflict_is_tried_again_until_it_is_decided(bucket: str) -> None:
    pauses: list[float] = []
    answers = [409, 409]

    def connect() -> Any:
        client = s3_client()
        client.meta.events.register("before-call.s3.PutObject", conflict)
        return client

    def conflict(**_: Any) -> Any:
        if not answers:
            return None
        http = type("Answer", (), {"status_code": answers.pop()})
        return http, {"Error": {"Code": "ConditionalRequestConflict"}, "ResponseMetadata": {"HTTPStatusCode": 409}}

    store = S3Store(bucket, connect=connect, sleep=pauses.append)
    assert store.put_bytes("a", b"ours", if_absent=True)
    assert len(pauses) == 2
    answers = [409] * 100
    with pytest.raises(TemporaryError, match="others keep writing"):
        store.put_bytes("b", b"", if_absent=True)


def test_s3_a_bucket_that_is_not_there_is_a_usage_error_in_every_call(
    aws: AwsServer, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    for call in (
        lambda store: store.stat("a"),
        lambda store: store.get_bytes("a"),
        lambda store: store.put_bytes("a", b""),
        lambda store: store.put_file("a", tmp_path / "file"),
        lambda store: list(store.list("")),
    ):
        with pytest.raises(UsageError, match="no-such-bucket"):
            call(S3Store("no-such-bucket"))


def test_s3_an_endpoint_that_does_not_answer_is_temporary(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TemporaryError, match=r"s3://bucket"):
        S3Store("bucket").stat("a")


def test_s3_a_download_of_what_is_replaced_meanwhile_fails_whole(bucket: str, tmp_path: Path) -> None:
    first = b"1" * (11 << 20)
    client = s3_client()
    client.put_object(Bucket=bucket, Key="a", Body=first)

    def connect() -> Any:
        slow = s3_client()
        slow.meta.events.register("after-call.s3.HeadObject", replace_object)
        return slow

    def replace_object(**_: Any) -> None:
        client.put_object(Bucket=bucket, Key="a", Body=b"2" * (11 << 20))

    with pytest.raises(TemporaryError, match="replaced"):
        S3Store(bucket, connect=connect, transfer=PIECES).get_file("a", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_s3_delete_prefix_takes_more_than_one_batch_and_foreign_keys(bucket: str) -> None:
    client, store = s3_client(), S3Store(bucket)
    for number in range(DELETE_BATCH + 5):
        client.put_object(Bucket=bucket, Key=f"work/{number}", Body=b"")
    client.put_object(Bucket=bucket, Key="work//.odd/", Body=b"")
    assert len(keys(store)) == DELETE_BATCH + 5
    store.delete_prefix("work/")
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)
