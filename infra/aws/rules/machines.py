"""Machines tell nobody their credentials, let nobody in, and are replaced before they go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra.aws.rules.shared import Resource, of_kind

RTMP = 1935
SPOT_TYPES = 10


def metadata_needs_a_token(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """IMDSv2 alone, and from the machine itself alone: what can be made to fetch a URL learns no credentials."""
    for where, template in of_kind(resources, "AWS::EC2::LaunchTemplate"):
        options = template["LaunchTemplateData"].get("MetadataOptions", {})
        if options.get("HttpTokens") != "required":
            yield where, "IMDSv1 is allowed: HttpTokens must be required"
        if options.get("HttpPutResponseHopLimit") != 1:
            yield where, "metadata reaches further than the machine: HttpPutResponseHopLimit must be 1"
    for where, group in of_kind(resources, "AWS::AutoScaling::AutoScalingGroup"):
        if "LaunchConfigurationName" in group:
            yield where, "a launch configuration knows no metadata options: use a launch template"


def disks_are_encrypted(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """What lies on a machine's disk is encrypted."""
    for where, template in of_kind(resources, "AWS::EC2::LaunchTemplate"):
        disks = template["LaunchTemplateData"].get("BlockDeviceMappings", [])
        if not disks or any(disk.get("Ebs", {}).get("Encrypted") is not True for disk in disks):
            yield where, "its disk is not encrypted"
        if "KeyName" in template["LaunchTemplateData"]:
            yield where, "it takes an SSH key"


def nothing_is_open(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Nothing comes in from everywhere but RTMP, and SSH from nowhere."""
    rules = [(where, rule) for where, rule in of_kind(resources, "AWS::EC2::SecurityGroupIngress")]
    for where, group in of_kind(resources, "AWS::EC2::SecurityGroup"):
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
    for where, group in of_kind(resources, "AWS::EC2::SecurityGroup"):
        if "Load balancer" in group["GroupDescription"] and not all(
            "SourcePrefixListId" in rule for rule in group.get("SecurityGroupIngress", [])
        ):
            yield where, "the load balancer can be reached past CloudFront"


def spot_has_a_choice(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Groups of machines take the Spot pools with most room out of ten types, and replace machines before they go."""
    for where, group in of_kind(resources, "AWS::AutoScaling::AutoScalingGroup"):
        mixed = group.get("MixedInstancesPolicy", {})
        if len(mixed.get("LaunchTemplate", {}).get("Overrides", [])) < SPOT_TYPES:
            yield where, f"fewer than {SPOT_TYPES} types to choose from"
        strategy = mixed.get("InstancesDistribution", {}).get("SpotAllocationStrategy")
        if strategy != "price-capacity-optimized":
            yield where, f"Spot machines are chosen by {strategy}"
        if group.get("CapacityRebalance") is not True:
            yield where, "machines at risk are not replaced before they go"
        name, logical = where.split("/")
        hooks = [h for at, h in of_kind(resources, "AWS::AutoScaling::LifecycleHook") if at.startswith(f"{name}/")]
        if not any(hook["AutoScalingGroupName"] == {"Ref": logical} for hook in hooks):
            yield where, "machines that leave get no time for it"
    for where, machines in of_kind(resources, "AWS::Batch::ComputeEnvironment"):
        if machines["ComputeResources"].get("AllocationStrategy") != "SPOT_PRICE_CAPACITY_OPTIMIZED":
            yield where, "Spot machines are chosen by price alone"
