"""As many AWS Batch jobs as the queue has work for; each is a worker that ends when nothing is left.

Runs on Lambda, for each new object of the ingest store and every ten minutes. It follows from what is there, so that an
event that comes twice or never does no harm.
"""

from __future__ import annotations

import os
from typing import Any

import boto3

# A job that has not begun yet will see whatever is in the queue now.
NOT_BEGUN = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING")
MOST_AT_ONCE = 20


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """What Lambda calls; gives how much waits, how many jobs have not begun, and how many were submitted."""
    return submit_missing(event, boto3.client("batch"))


def submit_missing(event: dict[str, Any], batch: Any) -> dict[str, int]:
    """Submit what is missing; `batch` is boto3's client."""
    queue, definition = os.environ["JOB_QUEUE"], os.environ["JOB_DEFINITION"]
    # The message of a new object may come after the event.
    waiting = max(_waiting(os.environ["QUEUE_URL"]), int(event.get("source") == "aws.s3"))
    not_begun = sum(len(batch.list_jobs(jobQueue=queue, jobStatus=status)["jobSummaryList"]) for status in NOT_BEGUN)
    submit = missing(waiting, not_begun, int(os.environ["JOBS_PER_WORKER"]))
    for _ in range(submit):
        batch.submit_job(jobName="worker", jobQueue=queue, jobDefinition=definition)
    return {"waiting": waiting, "not_begun": not_begun, "submitted": submit}


def missing(waiting: int, not_begun: int, per_worker: int) -> int:
    """How many jobs to submit for so many waiting messages."""
    wanted = -(-waiting // per_worker)
    return max(0, min(wanted - not_begun, MOST_AT_ONCE))


def _waiting(url: str) -> int:
    name = "ApproximateNumberOfMessages"
    sqs: Any = boto3.client("sqs")
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(told["Attributes"][name])
