"""Buckets are private and stay, queues and logs lose nothing that they should keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.aws.rules.shared import Resource, as_list, of_kind

_CLOSED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def buckets_are_private(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Every bucket is closed to the public, has no ACLs, is encrypted, and refuses whatever comes without TLS."""
    policies = [policy for _, policy in of_kind(resources, "AWS::S3::BucketPolicy")]
    for where, bucket in of_kind(resources, "AWS::S3::Bucket"):
        block = bucket.get("PublicAccessBlockConfiguration", {})
        if not all(block.get(key) is True for key in _CLOSED):
            yield where, "the public is not blocked"
        if bucket.get("AccessControl") or not _owner_enforced(bucket):
            yield where, "it takes ACLs"
        if not bucket.get("BucketEncryption"):
            yield where, "it is not encrypted"
        if "WebsiteConfiguration" in bucket:
            yield where, "it is a web site: CloudFront serves"
        logical = where.split("/")[1]
        if not any(_is_for(policy, logical) and _only_by_tls(policy) for policy in policies):
            yield where, "it can be used without TLS"


def _owner_enforced(bucket: dict[str, Any]) -> bool:
    rules = bucket.get("OwnershipControls", {}).get("Rules", [{}])
    return bool(rules[0].get("ObjectOwnership") == "BucketOwnerEnforced")


def _is_for(policy: dict[str, Any], logical: str) -> bool:
    return bool(policy["Bucket"] == {"Ref": logical})


def _only_by_tls(policy: dict[str, Any]) -> bool:
    return any(
        s["Effect"] == "Deny"
        and s["Principal"] == "*"
        and s["Action"] == "s3:*"
        and s.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
        and len(as_list(s["Resource"])) == 2
        for s in policy["PolicyDocument"]["Statement"]
    )


def recordings_stay(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """A bucket outlives its stack; recordings keep their older versions, too."""
    for where, resource in resources.items():
        if resource["Type"] != "AWS::S3::Bucket":
            continue
        if (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) != ("Retain", "Retain"):
            yield where, "it goes with the stack, and what is in it"
        versions = resource["Properties"].get("VersioningConfiguration", {}).get("Status")
        if "Ingest" in where and versions != "Enabled":
            yield where, "what is overwritten or deleted is gone"


def queues_lose_nothing(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Every queue is encrypted; one that work waits in has a dead-letter queue that keeps messages for longer."""
    queues = dict(of_kind(resources, "AWS::SQS::Queue"))
    dead = {target for queue in queues.values() if (target := _dead_letters(queue))}
    for where, queue in queues.items():
        if queue.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in queue:
            yield where, "it is not encrypted"
        name, logical = where.split("/")
        if logical in dead or logical.endswith("Failures"):
            continue
        target = _dead_letters(queue)
        if target is None or f"{name}/{target}" not in queues:
            yield where, "it has no dead-letter queue"
        elif _kept_s(queues[f"{name}/{target}"]) <= _kept_s(queue):
            yield where, "its dead-letter queue forgets as soon as it does: a message keeps its age when it moves"


def _dead_letters(queue: dict[str, Any]) -> str | None:
    arn = queue.get("RedrivePolicy", {}).get("deadLetterTargetArn", {})
    return str(arn["Fn::GetAtt"][0]) if "Fn::GetAtt" in arn else None


def _kept_s(queue: dict[str, Any]) -> int:
    return int(queue.get("MessageRetentionPeriod", 345_600))


def logs_end(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Every log group forgets, and every Lambda has one: one that AWS makes keeps everything for ever."""
    groups = dict(of_kind(resources, "AWS::Logs::LogGroup"))
    for where, group in groups.items():
        if "RetentionInDays" not in group:
            yield where, "it keeps logs for ever"
    for where, function in of_kind(resources, "AWS::Lambda::Function"):
        named = {"Fn::Sub": f"/aws/lambda/${{{where.split('/')[1]}}}"}
        if named not in [group.get("LogGroupName") for group in groups.values()]:
            yield where, "its log group is AWS's own"
        if "DeadLetterConfig" not in function:
            yield where, "an event that it cannot deal with is lost"
