"""Guarantee 19: our templates keep to every rule, and each rule notices a template that does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from infra.aws.rules import violations
from tests.unit.infra.aws.rendered import Templates, templates

Mutation = Callable[[Templates], Any]


def resource(found: Templates, where: str) -> dict[str, Any]:
    name, key = where.split("/")
    return dict(found[name]["Resources"][key])["Properties"]  # type: ignore[no-any-return]


def launch(found: Templates, name: str = "edge") -> dict[str, Any]:
    return dict(resource(found, f"{name}/Template"))["LaunchTemplateData"]  # type: ignore[no-any-return]


def statement(found: Templates, where: str, index: int = 0) -> dict[str, Any]:
    return resource(found, where)["Policies"][0]["PolicyDocument"]["Statement"][index]  # type: ignore[no-any-return]


def policy(found: Templates, where: str, index: int) -> dict[str, Any]:
    return resource(found, where)["PolicyDocument"]["Statement"][index]  # type: ignore[no-any-return]


def ingress(**rule: Any) -> Mutation:
    return lambda t: resource(t, "network/OriginGroup")["SecurityGroupIngress"].append({"IpProtocol": "tcp", **rule})


def behavior(found: Templates) -> dict[str, Any]:
    return resource(found, "delivery/Distribution")["DistributionConfig"]["DefaultCacheBehavior"]  # type: ignore[no-any-return]


def behaviors(found: Templates) -> dict[str, dict[str, Any]]:
    """The paths of the distribution, as they are when awake."""
    said = resource(found, "delivery/Distribution")["DistributionConfig"]["CacheBehaviors"]
    listed = [each["Fn::If"][1] if "Fn::If" in each else each for each in said]
    return {each["PathPattern"]: each for each in listed}


def test_the_templates_keep_to_every_rule() -> None:
    assert violations(templates()) == []


@pytest.mark.parametrize(
    ("mutation", "told"),
    [
        (lambda t: launch(t)["MetadataOptions"].update(HttpTokens="optional"), "IMDSv1 is allowed"),
        (lambda t: launch(t, "batch").pop("MetadataOptions"), "IMDSv1 is allowed"),
        (lambda t: launch(t)["MetadataOptions"].update(HttpPutResponseHopLimit=2), "further than the machine"),
        (lambda t: resource(t, "edge/Group").update(LaunchConfigurationName="x"), "launch configuration"),
        (lambda t: launch(t)["BlockDeviceMappings"][0]["Ebs"].pop("Encrypted"), "disk is not encrypted"),
        (lambda t: launch(t).update(KeyName="mine"), "SSH key"),
        (ingress(FromPort=22, ToPort=22, SourceSecurityGroupId="sg"), "SSH can be reached"),
        (ingress(FromPort=0, ToPort=65535, CidrIp="0.0.0.0/0"), "SSH can be reached"),
        (ingress(IpProtocol="-1", SourceSecurityGroupId="sg"), "SSH can be reached"),
        (ingress(FromPort=8081, ToPort=8081, CidrIp="0.0.0.0/0"), "only RTMP may be"),
        (ingress(FromPort=1935, ToPort=1937, CidrIp="0.0.0.0/0"), "only RTMP may be"),
        (ingress(FromPort=80, ToPort=80, CidrIpv6="::/0"), "only RTMP may be"),
        (
            lambda t: resource(t, "network/BalancerGroup")["SecurityGroupIngress"][0].pop("SourcePrefixListId"),
            "past CloudFront",
        ),
        (lambda t: resource(t, "storage/EgressBucket").pop("PublicAccessBlockConfiguration"), "not blocked"),
        (
            lambda t: resource(t, "storage/EgressBucket")["PublicAccessBlockConfiguration"].update(
                BlockPublicAcls=False
            ),
            "not blocked",
        ),
        (lambda t: resource(t, "storage/EgressBucket").update(AccessControl="PublicRead"), "takes ACLs"),
        (lambda t: resource(t, "storage/IngestBucket").pop("OwnershipControls"), "takes ACLs"),
        (lambda t: resource(t, "storage/IngestBucket").pop("BucketEncryption"), "not encrypted"),
        (lambda t: resource(t, "storage/EgressBucket").update(WebsiteConfiguration={}), "web site"),
        (lambda t: t["storage"]["Resources"].pop("IngestBucketPolicy"), "without TLS"),
        (lambda t: policy(t, "delivery/BucketPolicy", 0).update(Action="s3:PutObject"), "without TLS"),
        (lambda t: policy(t, "delivery/BucketPolicy", 1).update(Principal="*"), "only CloudFront may be"),
        (lambda t: policy(t, "delivery/BucketPolicy", 1).pop("Condition"), "anybody's CloudFront"),
        (lambda t: policy(t, "delivery/BucketPolicy", 1).update(Action="s3:*"), "more than read"),
        (
            lambda t: resource(t, "delivery/Distribution")["DistributionConfig"]["Origins"][0].pop(
                "OriginAccessControlId"
            ),
            "without origin access control",
        ),
        (lambda t: behavior(t).update(ViewerProtocolPolicy="allow-all"), "without HTTPS"),
        (lambda t: behavior(t).pop("ResponseHeadersPolicyId"), "no security headers"),
        (lambda t: behavior(t).update(AllowedMethods=["GET", "HEAD", "PUT"]), "more than reads"),
        (lambda t: behaviors(t)["/live.json"].update(AllowedMethods=["POST"]), "/live.json takes more than reads"),
        (lambda t: behaviors(t)["/hls/*"].update(ViewerProtocolPolicy="allow-all"), "/hls/* can be had without HTTPS"),
        (lambda t: behaviors(t)["/beacon"].update(TargetOriginId="vod"), "elsewhere than to the edges"),
        (lambda t: behaviors(t)["/vod/*"].update(TargetOriginId="vod"), "play without a signature"),
        (
            lambda t: policy(t, "delivery/BucketPolicy", 1).update(Resource={"Fn::Sub": "${EgressBucket}/vod/*"}),
            "signed or not",
        ),
        (lambda t: statement(t, "edge/MachineRole").update(Action="s3:*"), "name the actions"),
        (lambda t: statement(t, "edge/MachineRole").update(Action="*"), "name the actions"),
        (lambda t: statement(t, "edge/MachineRole").update(Resource="*"), "name the resources"),
        (lambda t: statement(t, "edge/MachineRole").update(NotAction="s3:PutObject"), "does not name"),
        (lambda t: statement(t, "edge/MachineRole", 2).pop("Condition"), "without its condition"),
        (
            lambda t: resource(t, "edge/MachineRole").update(ManagedPolicyArns=["arn:aws:iam::aws:policy/Admin"]),
            "a policy that is not ours",
        ),
        (
            lambda t: t["edge"]["Resources"].update(Key={"Type": "AWS::IAM::AccessKey", "Properties": {}}),
            "keys that do not expire",
        ),
        (lambda t: resource(t, "storage/Queue").pop("SqsManagedSseEnabled"), "not encrypted"),
        (lambda t: resource(t, "storage/Queue").pop("RedrivePolicy"), "no dead-letter queue"),
        (lambda t: resource(t, "storage/DeadLetters").update(MessageRetentionPeriod=864_000), "forgets as soon"),
        (lambda t: resource(t, "main/Logs").pop("RetentionInDays"), "for ever"),
        (lambda t: t["operations"]["Resources"].pop("InterruptionLogs"), "AWS's own"),
        (lambda t: resource(t, "operations/Interruption").pop("DeadLetterConfig"), "is lost"),
        (
            lambda t: resource(t, "transcoding/Group")["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"].pop(),
            "fewer than 10 types",
        ),
        (
            lambda t: resource(t, "origin/Group")["MixedInstancesPolicy"]["InstancesDistribution"].update(
                SpotAllocationStrategy="lowest-price"
            ),
            "lowest-price",
        ),
        (lambda t: resource(t, "origin/Group").pop("CapacityRebalance"), "before they go"),
        (lambda t: t["edge"]["Resources"].pop("Leaving"), "no time for it"),
        (
            lambda t: resource(t, "batch/Machines")["ComputeResources"].update(AllocationStrategy="BEST_FIT"),
            "price alone",
        ),
        (lambda t: t["storage"]["Resources"]["IngestBucket"].pop("DeletionPolicy"), "goes with the stack"),
        (lambda t: resource(t, "storage/IngestBucket").pop("VersioningConfiguration"), "is gone"),
        (lambda t: policy(t, "storage/QueuePolicy", 0).pop("Condition"), "somebody else's account"),
        (lambda t: policy(t, "operations/NewsPolicy", 0).pop("Condition"), "somebody else's account"),
        (lambda t: resource(t, "operations/InterruptionPermission").pop("SourceArn"), "anybody's rule"),
    ],
)
def test_a_weaker_template_is_noticed(mutation: Mutation, told: str) -> None:
    found = templates()
    mutation(found)
    assert any(told in violation for violation in violations(found)), violations(found)


def test_templates_are_not_changed_by_looking_at_them() -> None:
    found = templates()
    before = copy.deepcopy(found)
    violations(found)
    assert found == before
