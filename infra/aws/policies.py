"""Statements of an IAM policy from panocast's own table of what it does in AWS."""

from __future__ import annotations

from collections.abc import Iterable

from panocast.permissions import DEAD_LETTERS, EGRESS, GROUP, INGEST, QUEUE, WORKER, Permission

_BUCKETS = {INGEST: "IngestBucket", EGRESS: "EgressBucket"}
_WHOLE = {
    QUEUE: "!Ref QueueArn",
    DEAD_LETTERS: "!Ref DeadLettersArn",
    GROUP: "!Sub arn:${AWS::Partition}:autoscaling:${AWS::Region}:${AWS::AccountId}:autoScalingGroup:*"
    ":autoScalingGroupName/${AWS::StackName}-group",
}


def transcoder_statements(*, group: bool) -> str:
    """What a worker may do, as YAML of a template that knows IngestBucket, EgressBucket, QueueArn and DeadLettersArn;
    `group`: its machine belongs to an Auto Scaling group."""
    return statements(permission for permission in WORKER if group or permission.on != GROUP)


def statements(permissions: Iterable[Permission]) -> str:
    """A statement for each resource."""
    by_resource: dict[str, list[str]] = {}
    for permission in permissions:
        by_resource.setdefault(permission.on, []).append(permission.action)
    return "\n".join(
        f"- Effect: Allow\n  Action: [{', '.join(actions)}]\n  Resource: {_resource(on)}"
        for on, actions in by_resource.items()
    )


def _resource(on: str) -> str:
    if on in _WHOLE:
        return _WHOLE[on]
    bucket, slash, keys = on.partition("/")
    return f"!Sub arn:${{AWS::Partition}}:s3:::${{{_BUCKETS[bucket]}}}{slash}{keys}"
