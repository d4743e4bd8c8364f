"""What a message asks for: an S3 event (of one or several objects) or a job of our own, parsed without ever failing.

S3's event: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import quote_plus, unquote_plus

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from panocast.layout import IngestKey, parse_ingest_key
from panocast.store import is_key

MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """Transcode the object `key` of the ingest store; `failures` tries have failed so far, `looks` found that something
    of `counted` parts had not arrived yet, `at` what it is."""

    key: str
    at: IngestKey
    failures: int = 0
    looks: int = 0
    counted: int = 0

    def body(self) -> str:
        """This job as a message of its own."""
        said = {"key": self.key, "failures": self.failures, "looks": self.looks, "counted": self.counted}
        return json.dumps({"job": said})

    def failed_once_more(self) -> Job:
        """The same job with one more failure counted."""
        return replace(self, failures=self.failures + 1)

    def looks_for(self, counted: int) -> int:
        """The looks that were for so many parts: a recording that went on since is waited for anew."""
        return self.looks if self.counted == counted else 0

    def looked_once_more(self, counted: int) -> Job:
        """The same job with one more look for so many parts counted."""
        return replace(self, looks=self.looks_for(counted) + 1, counted=counted)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that asks for nothing, and why, in words."""

    reason: str


class _OurJob(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    key: str
    failures: Annotated[int, Field(ge=0, le=MOST)] = 0
    looks: Annotated[int, Field(ge=0, le=MOST)] = 0
    counted: Annotated[int, Field(ge=0, le=MOST)] = 0


class _S3Object(BaseModel):
    key: str


class _S3(BaseModel):
    object: _S3Object


class _Record(BaseModel):
    event_name: str = Field(alias="eventName")
    s3: _S3


def parse_message(body: str) -> tuple[Job, ...] | Ignored:
    """The jobs that a message's body asks for, or why there are none. Never raises."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return Ignored("not JSON")
    if not isinstance(said, dict):
        return Ignored("neither an S3 event nor a job")
    if said.get("Event") == "s3:TestEvent":
        return Ignored("S3's test event")
    if "job" in said:
        return _our_job(said["job"])
    records = said.get("Records")
    if not isinstance(records, list):
        return Ignored("neither an S3 event nor a job")
    found = [_record(record) for record in records]
    jobs = {job.key: job for job in found if isinstance(job, Job)}
    if jobs:
        return tuple(jobs.values())
    return Ignored("; ".join(sorted({i.reason for i in found if isinstance(i, Ignored)})) or "an event of no records")


def event_body(key: str) -> str:
    """The S3 event that says: the object `key` is there."""
    record = {"eventName": "ObjectCreated:Put", "s3": {"object": {"key": quote_plus(key, errors="surrogateescape")}}}
    return json.dumps({"Records": [record]})


def _our_job(said: Any) -> tuple[Job, ...] | Ignored:
    try:
        ours = _OurJob.model_validate(said)
    except ValidationError:
        return Ignored("a job without a sensible key and failures")
    job = job_for(ours.key)
    if isinstance(job, Ignored):
        return job
    return (replace(job, failures=ours.failures, looks=ours.looks, counted=ours.counted),)


def _record(said: Any) -> Job | Ignored:
    try:
        record = _Record.model_validate(said)
    except ValidationError:
        return Ignored("a record that is not S3's")
    if not record.event_name.removeprefix("s3:").startswith("ObjectCreated:"):
        return Ignored(f"{record.event_name[:60]!r} makes no work")
    return job_for(unquote_plus(record.s3.object.key, errors="surrogateescape"))


def job_for(key: str) -> Job | Ignored:
    """The job that an object of the ingest store makes."""
    at = parse_ingest_key(key) if is_key(key) else None
    if at is None:
        return Ignored(f"{key[:200]!r} is neither a part, an end marker nor an upload")
    return Job(key, at)
