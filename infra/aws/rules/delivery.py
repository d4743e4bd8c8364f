"""Viewers come by HTTPS, through CloudFront alone, and see signed VOD only where it is signed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.aws.rules.shared import Resource, as_list, branches, of_kind

# What players tell of themselves; whatever else viewers ask for is a read.
REPORTS = "/beacon"


def only_cloudfront_reads(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """A bucket's policy lets in CloudFront, as one distribution, and nobody else."""
    for where, policy in of_kind(resources, "AWS::S3::BucketPolicy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] != "Allow":
                continue
            if statement["Principal"] != {"Service": "cloudfront.amazonaws.com"}:
                yield where, f"{statement['Principal']} is let in: only CloudFront may be"
            if "aws:SourceArn" not in statement.get("Condition", {}).get("StringEquals", {}):
                yield where, "anybody's CloudFront is let in: name the distribution"
            if set(as_list(statement["Action"])) - {"s3:GetObject", "s3:ListBucket"}:
                yield where, "CloudFront may do more than read"
    for where, distribution in of_kind(resources, "AWS::CloudFront::Distribution"):
        for origin in distribution["DistributionConfig"]["Origins"]:
            if "S3OriginConfig" in origin and "OriginAccessControlId" not in origin:
                yield where, f"origin {origin['Id']} reads the bucket without origin access control"


def viewers_come_by_https(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """Every path of the distribution is HTTPS, with security headers."""
    for where, distribution in of_kind(resources, "AWS::CloudFront::Distribution"):
        config = distribution["DistributionConfig"]
        behaviors = [config["DefaultCacheBehavior"], *config.get("CacheBehaviors", [])]
        for behavior in (each for said in behaviors for each in branches(said)):
            path = behavior.get("PathPattern", "the rest")
            if behavior.get("ViewerProtocolPolicy") not in ("redirect-to-https", "https-only"):
                yield where, f"{path} can be had without HTTPS"
            if "ResponseHeadersPolicyId" not in behavior:
                yield where, f"{path} has no security headers"
            if path != REPORTS and set(behavior.get("AllowedMethods", [])) - {"GET", "HEAD", "OPTIONS"}:
                yield where, f"{path} takes more than reads"
            if path == REPORTS and behavior["TargetOriginId"] != "live":
                yield where, f"{path} goes elsewhere than to the edges, which check it"


def only_signed_vod_plays(resources: Mapping[str, Resource]) -> Iterator[tuple[str, str]]:
    """With signed playback, VOD comes from the edges, which check the signature; nobody has it from the bucket."""
    for where, distribution in of_kind(resources, "AWS::CloudFront::Distribution"):
        behaviors = distribution["DistributionConfig"]["CacheBehaviors"]
        (vod,) = (each for each in behaviors if each.get("PathPattern") == "/vod/*")
        if not _but_unsigned(vod["TargetOriginId"], "vod"):
            yield where, "assets play without a signature"
    for where, policy in of_kind(resources, "AWS::S3::BucketPolicy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            allowed = as_list(statement["Resource"]) if statement["Effect"] == "Allow" else []
            if not all(_but_unsigned(resource, "/vod/*") for resource in allowed):
                yield where, "CloudFront reads assets, signed or not"


def _but_unsigned(value: Any, word: str) -> bool:
    """Whether a value names something at most where playback is not signed."""
    match value:
        case {"Fn::If": ["Signed", signed, _]}:
            return not any(word in json.dumps(each) for each in branches(signed))
        case _:
            return word not in json.dumps(value)
