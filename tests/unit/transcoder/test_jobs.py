"""Whatever a message's body holds, it becomes jobs or a worded refusal, never an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from panocast.layout import EndKey, PartKey, Session, UploadKey
from transcoder.jobs import Ignored, Job, event_body, job_for, parse_message

PART = "recordings/cam/20261120T084641Z-primary/0007.mp4"
SESSION = Session("cam", "20261120T084641Z-primary")


def record(key: str, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """As S3 sends it (trimmed of what nobody reads)."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-11-20T08:47:20.123Z",
        "eventName": name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": "ingest", "arn": "arn:aws:s3:::ingest"},
            "object": {"key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0A1B2C"},
        },
    }


def event(*records: dict[str, Any]) -> str:
    return json.dumps({"Records": list(records)})


def keys(body: str) -> list[str]:
    jobs = parse_message(body)
    assert not isinstance(jobs, Ignored), jobs.reason
    return [job.key for job in jobs]


def test_each_kind_of_object_makes_its_job() -> None:
    end, upload = f"recordings/{SESSION.path}/end.json", "uploads/a/b.mov"
    jobs = parse_message(event(record(PART), record(end), record(upload)))
    assert not isinstance(jobs, Ignored)
    assert [job.at for job in jobs] == [PartKey(SESSION, 7), EndKey(SESSION), UploadKey(upload)]


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("uploads/holiday+in+Gr%C3%B6den.mp4", "uploads/holiday in Gröden.mp4"),
        ("uploads%2Fa%2Bb%25.mp4", "uploads/a+b%.mp4"),  # as moto sends it, and a plus sign that is one
        ("uploads/%E6%97%A5%E6%9C%AC.mp4", "uploads/日本.mp4"),
        ("uploads/%24%28id%29.mp4", "uploads/$(id).mp4"),
        ("uploads/line%0Abreak.mp4", "uploads/line\nbreak.mp4"),
    ],
)
def test_keys_are_decoded(encoded: str, key: str) -> None:
    assert keys(event(record(encoded))) == [key]


@pytest.mark.parametrize(
    "name", ["ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Copy"]
)
def test_every_way_of_creating_an_object_counts(name: str) -> None:
    assert keys(event(record(PART, name))) == [PART]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-20T08:00:00Z","Bucket":"i"}', "test event"),
        (event(record(PART, "ObjectRemoved:Delete")), "makes no work"),
        (event(record(PART, "s3:ObjectRemoved:DeleteMarkerCreated")), "makes no work"),
        (event(record("vod/cam/x/master.m3u8")), "neither a part"),
        (event(record("recordings/CAM/20261120T084641Z-primary/0001.mp4")), "neither a part"),
        (event(record("recordings/cam/yesterday/0001.mp4")), "neither a part"),
        (event(record("uploads/../secret.mp4")), "neither a part"),
        (event(record("uploads/.hidden.mp4")), "neither a part"),
        (event(record("uploads/")), "neither a part"),
        (event(record("uploads/nul%00.mp4")), "neither a part"),
        (event(), "no records"),
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "neither an S3 event"),
        ("null", "neither an S3 event"),
        ('{"Records": 7}', "neither an S3 event"),
        ('{"Records": [7, null, {}]}', "not S3's"),
        ('{"job": {"key": "uploads/a.mp4", "failures": -1}}', "sensible"),
        ('{"job": {"key": "uploads/a.mp4", "failures": 1e999}}', "sensible"),
        ('{"job": {"key": 7}}', "sensible"),
        ('{"job": "uploads/a.mp4"}', "sensible"),
        ('{"job": {"key": "etc/passwd"}}', "neither a part"),
    ],
)
def test_what_asks_for_nothing_is_ignored_in_words(body: str, words: str) -> None:
    found = parse_message(body)
    assert isinstance(found, Ignored)
    assert words in found.reason


def test_what_is_good_in_a_message_is_done_though_other_records_are_not() -> None:
    mixed = event(record(PART, "ObjectRemoved:Delete"), {"eventName": 3}, record(PART), record(PART), record("x"))
    assert keys(mixed) == [PART]


def test_a_job_carries_its_failures_and_looks_through_a_message() -> None:
    job = job_for(PART)
    assert isinstance(job, Job)
    again = job.failed_once_more().looked_once_more(7).failed_once_more()
    assert parse_message(again.body()) == (again,)
    assert (again.failures, again.looks, again.counted) == (2, 1, 7)
    assert again.looked_once_more(7).looks == 2
    assert again.looked_once_more(8).looks == 1, "a recording that went on is waited for anew"


@given(st.text(alphabet=st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60))
@example("a+b &%.mp4")
@example("\udcff.mp4")
def test_the_watchers_event_leads_back_to_the_key(name: str) -> None:
    job = job_for(f"uploads/{name}")
    if isinstance(job, Job):
        assert parse_message(event_body(job.key)) == (job,)


@given(st.text())
def test_no_text_crashes_the_parser(body: str) -> None:
    assert isinstance(parse_message(body), Ignored | tuple)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["Records", "eventName", "s3", "object", "key", "job", "failures"]), inner)
    ),
    max_leaves=20,
)


@given(json_values)
def test_no_json_crashes_the_parser(value: object) -> None:
    assert isinstance(parse_message(json.dumps(value)), Ignored | tuple)


@given(st.text())
def test_no_key_crashes_the_parser(key: str) -> None:
    assert isinstance(parse_message(json.dumps({"job": {"key": key}})), Ignored | tuple)
    assert isinstance(parse_message(event(record(key))), Ignored | tuple)
