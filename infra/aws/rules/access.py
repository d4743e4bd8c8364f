"""Who may do what: named actions on named resources, for this account alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infra.aws.rules.shared import Resource, as_list, of_kind

# Actions that know no resources, so that "*" is all that can be said; with a condition where there is one.
WITHOUT_RESOURCES = {
    "batch:ListJobs",
    "cloudwatch:PutMetricData",
    "ec2:DescribeInstances",
    "elasticloadbalancing:DescribeTargetHealth",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}
WITH_CONDITION = {"cloudwatch:PutMetricData"}


def permissions_are_least(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """No wildcard among the allowed actions; no "*" as the resource but for actions that know none."""
    for where, role in of_kind(resources, "AWS::IAM::Role"):
        for arn in role.get("ManagedPolicyArns", []):
            if "service-role/" not in str(arn):
                yield where, f"a policy that is not ours: {arn}"
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield from ((where, what) for what in _too_much(statement))
    for where, _ in (*of_kind(resources, "AWS::IAM::User"), *of_kind(resources, "AWS::IAM::AccessKey")):
        yield where, "keys that do not expire: use a role"


def _too_much(statement: dict[str, Any]) -> Iterator[str]:
    if statement["Effect"] != "Allow":
        return
    actions = set(as_list(statement.get("Action", "*")))
    if any("*" in action for action in actions):
        yield f"allows {', '.join(sorted(actions))}: name the actions"
    if "NotAction" in statement or "NotResource" in statement:
        yield "allows whatever it does not name"
    if "*" in as_list(statement.get("Resource")):
        if more := actions - WITHOUT_RESOURCES:
            yield f"allows {', '.join(sorted(more))} on everything: name the resources"
        if actions & WITH_CONDITION and "Condition" not in statement:
            yield f"allows {', '.join(sorted(actions & WITH_CONDITION))} without its condition"


def topics_are_ours(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Only services of AWS, acting for this account, publish to a topic or a queue."""
    for kind in ("AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"):
        for where, policy in of_kind(resources, kind):
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Effect"] != "Allow":
                    continue
                if "aws:SourceAccount" not in statement.get("Condition", {}).get("StringEquals", {}):
                    yield where, "somebody else's account may send"
    for where, permission in of_kind(resources, "AWS::Lambda::Permission"):
        if "SourceArn" not in permission:
            yield where, "anybody's rule may call"
