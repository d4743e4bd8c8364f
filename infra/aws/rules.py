"""What every template of ours must keep to, checked before anything is sent to AWS: guarantee 19.

Plain functions over parsed templates; each finding names the template, the resource and what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.aws.template import Template

Resource = dict[str, Any]
Rule = Callable[[Mapping[str, Resource]], Iterator[tuple[str, str]]]

RTMP = 1935
SPOT_TYPES = 10
# Actions that know no resources, so that "*" is all that can be said; with a condition where there is one.
WITHOUT_RESOURCES = {
    "batch:ListJobs",
    "cloudwatch:PutMetricData",
    "ec2:DescribeInstances",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}
WITH_CONDITION = {"cloudwatch:PutMetricData"}
_CLOSED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def violations(templates: Mapping[str, Template]) -> list[str]:
    """Everything wrong with templates, by their name; empty when nothing is."""
    found = []
    everything = {
        f"{name}/{key}": r for name, template in templates.items() for key, r in template["Resources"].items()
    }
    for rule in RULES:
        found += [f"{where}: {what}" for where, what in rule(everything)]
    return found


def _of(resources: Mapping[str, Resource], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, resource in resources.items():
        if resource["Type"] == kind:
            yield where, resource.get("Properties", {})


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def metadata_needs_a_token(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """IMDSv2 alone, and from the machine itself alone: what can be made to fetch a URL learns no credentials."""
    for where, template in _of(resources, "AWS::EC2::LaunchTemplate"):
        options = template["LaunchTemplateData"].get("MetadataOptions", {})
        if options.get("HttpTokens") != "required":
            yield where, "IMDSv1 is allowed: HttpTokens must be required"
        if options.get("HttpPutResponseHopLimit") != 1:
            yield where, "metadata reaches further than the machine: HttpPutResponseHopLimit must be 1"
    for where, group in _of(resources, "AWS::AutoScaling::AutoScalingGroup"):
        if "LaunchConfigurationName" in group:
            yield where, "a launch configuration knows no metadata options: use a launch template"


def disks_are_encrypted(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """What lies on a machine's disk is encrypted."""
    for where, template in _of(resources, "AWS::EC2::LaunchTemplate"):
        disks = template["LaunchTemplateData"].get("BlockDeviceMappings", [])
        if not disks or any(disk.get("Ebs", {}).get("Encrypted") is not True for disk in disks):
            yield where, "its disk is not encrypted"
        if "KeyName" in template["LaunchTemplateData"]:
            yield where, "it takes an SSH key"


def nothing_is_open(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Nothing comes in from everywhere but RTMP, and SSH from nowhere."""
    rules = [(where, rule) for where, rule in _of(resources, "AWS::EC2::SecurityGroupIngress")]
    for where, group in _of(resources, "AWS::EC2::SecurityGroup"):
        rules += [(where, rule) for rule in group.get("SecurityGroupIngress", [])]
    for where, rule in rules:
        first, last = int(rule.get("FromPort", 0)), int(rule.get("ToPort", 65535))
        if str(rule.get("IpProtocol")) == "-1":
            first, last = 0, 65535
        if first <= 22 <= last:
            yield where, "SSH can be reached"
        addresses = rule.get("CidrIp") or rule.get("CidrIpv6")
        if addresses and (first, last) != (RTMP, RTMP):
            yield where, f"ports {first} to {last} can be reached from {addresses}: only RTMP may be"


def machines_are_closed(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """The balancer lets nobody in but CloudFront."""
    for where, group in _of(resources, "AWS::EC2::SecurityGroup"):
        if "Load balancer" in group["GroupDescription"] and not all(
            "SourcePrefixListId" in rule for rule in group.get("SecurityGroupIngress", [])
        ):
            yield where, "the load balancer can be reached past CloudFront"


def buckets_are_private(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Every bucket is closed to the public, has no ACLs, is encrypted, and refuses whatever comes without TLS."""
    policies = [policy for _, policy in _of(resources, "AWS::S3::BucketPolicy")]
    for where, bucket in _of(resources, "AWS::S3::Bucket"):
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
        and len(_list(s["Resource"])) == 2
        for s in policy["PolicyDocument"]["Statement"]
    )


def only_cloudfront_reads(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """A bucket's policy lets in CloudFront, as one distribution, and nobody else."""
    for where, policy in _of(resources, "AWS::S3::BucketPolicy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] != "Allow":
                continue
            if statement["Principal"] != {"Service": "cloudfront.amazonaws.com"}:
                yield where, f"{statement['Principal']} is let in: only CloudFront may be"
            if "aws:SourceArn" not in statement.get("Condition", {}).get("StringEquals", {}):
                yield where, "anybody's CloudFront is let in: name the distribution"
            if set(_list(statement["Action"])) - {"s3:GetObject", "s3:ListBucket"}:
                yield where, "CloudFront may do more than read"
    for where, distribution in _of(resources, "AWS::CloudFront::Distribution"):
        for origin in distribution["DistributionConfig"]["Origins"]:
            if "S3OriginConfig" in origin and "OriginAccessControlId" not in origin:
                yield where, f"origin {origin['Id']} reads the bucket without origin access control"


def viewers_come_by_https(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Every path of the distribution is HTTPS, with security headers."""
    for where, distribution in _of(resources, "AWS::CloudFront::Distribution"):
        config = distribution["DistributionConfig"]
        behaviors = [config["DefaultCacheBehavior"], *config.get("CacheBehaviors", [])]
        for behavior in (_if_yes(each) for each in behaviors):
            path = behavior.get("PathPattern", "the rest")
            if behavior.get("ViewerProtocolPolicy") not in ("redirect-to-https", "https-only"):
                yield where, f"{path} can be had without HTTPS"
            if "ResponseHeadersPolicyId" not in behavior:
                yield where, f"{path} has no security headers"
            if set(behavior.get("AllowedMethods", [])) - {"GET", "HEAD", "OPTIONS"}:
                yield where, f"{path} takes more than reads"


def _if_yes(value: Any) -> Any:
    return value["Fn::If"][1] if isinstance(value, dict) and "Fn::If" in value else value


def permissions_are_least(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """No wildcard among the allowed actions; no "*" as the resource but for actions that know none."""
    for where, role in _of(resources, "AWS::IAM::Role"):
        for arn in role.get("ManagedPolicyArns", []):
            if "service-role/" not in str(arn):
                yield where, f"a policy that is not ours: {arn}"
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield from ((where, what) for what in _too_much(statement))
    for where, _ in (*_of(resources, "AWS::IAM::User"), *_of(resources, "AWS::IAM::AccessKey")):
        yield where, "keys that do not expire: use a role"


def _too_much(statement: dict[str, Any]) -> Iterator[str]:
    if statement["Effect"] != "Allow":
        return
    actions = set(_list(statement.get("Action", "*")))
    if any("*" in action for action in actions):
        yield f"allows {', '.join(sorted(actions))}: name the actions"
    if "NotAction" in statement or "NotResource" in statement:
        yield "allows whatever it does not name"
    if "*" in _list(statement.get("Resource")):
        if more := actions - WITHOUT_RESOURCES:
            yield f"allows {', '.join(sorted(more))} on everything: name the resources"
        if actions & WITH_CONDITION and "Condition" not in statement:
            yield f"allows {', '.join(sorted(actions & WITH_CONDITION))} without its condition"


def queues_lose_nothing(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Every queue is encrypted; one that work waits in has a dead-letter queue that keeps messages for longer."""
    queues = dict(_of(resources, "AWS::SQS::Queue"))
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
    groups = dict(_of(resources, "AWS::Logs::LogGroup"))
    for where, group in groups.items():
        if "RetentionInDays" not in group:
            yield where, "it keeps logs for ever"
    for where, function in _of(resources, "AWS::Lambda::Function"):
        named = {"Fn::Sub": f"/aws/lambda/${{{where.split('/')[1]}}}"}
        if named not in [group.get("LogGroupName") for group in groups.values()]:
            yield where, "its log group is AWS's own"
        if "DeadLetterConfig" not in function:
            yield where, "an event that it cannot deal with is lost"


def spot_has_a_choice(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Groups of machines take the Spot pools with most room out of ten types, and replace machines before they go."""
    for where, group in _of(resources, "AWS::AutoScaling::AutoScalingGroup"):
        mixed = group.get("MixedInstancesPolicy", {})
        if len(mixed.get("LaunchTemplate", {}).get("Overrides", [])) < SPOT_TYPES:
            yield where, f"fewer than {SPOT_TYPES} types to choose from"
        strategy = mixed.get("InstancesDistribution", {}).get("SpotAllocationStrategy")
        if strategy != "price-capacity-optimized":
            yield where, f"Spot machines are chosen by {strategy}"
        if group.get("CapacityRebalance") is not True:
            yield where, "machines at risk are not replaced before they go"
        name, logical = where.split("/")
        hooks = [h for at, h in _of(resources, "AWS::AutoScaling::LifecycleHook") if at.startswith(f"{name}/")]
        if not any(hook["AutoScalingGroupName"] == {"Ref": logical} for hook in hooks):
            yield where, "machines that leave get no time for it"
    for where, machines in _of(resources, "AWS::Batch::ComputeEnvironment"):
        if machines["ComputeResources"].get("AllocationStrategy") != "SPOT_PRICE_CAPACITY_OPTIMIZED":
            yield where, "Spot machines are chosen by price alone"


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


def topics_are_ours(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Only services of AWS, acting for this account, publish to a topic or a queue."""
    for kind in ("AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"):
        for where, policy in _of(resources, kind):
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Effect"] != "Allow":
                    continue
                if "aws:SourceAccount" not in statement.get("Condition", {}).get("StringEquals", {}):
                    yield where, "somebody else's account may send"
    for where, permission in _of(resources, "AWS::Lambda::Permission"):
        if "SourceArn" not in permission:
            yield where, "anybody's rule may call"


RULES: tuple[Rule, ...] = (
    metadata_needs_a_token,
    disks_are_encrypted,
    nothing_is_open,
    machines_are_closed,
    buckets_are_private,
    only_cloudfront_reads,
    viewers_come_by_https,
    permissions_are_least,
    queues_lose_nothing,
    logs_end,
    spot_has_a_choice,
    recordings_stay,
    topics_are_ours,
)
