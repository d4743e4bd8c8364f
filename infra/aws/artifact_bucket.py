"""The bucket that machines install themselves from: made where missing, private; what is there is not sent again."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from panocast.aws import error_code, status
from panocast.errors import PanocastError


def ensure_bucket(s3: Any, bucket: str, region: str) -> None:
    """Make the bucket, or make sure that the one that is there is private and ours.

    Raises PanocastError when somebody else has the name.
    """
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if status(error) == 403:
            raise PanocastError(f"the bucket {bucket} is not yours, or may not be used: who owns the name?") from error
        if status(error) != 404:
            raise
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, ObjectOwnership="BucketOwnerEnforced", **where)
    closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(closed, True))
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    if s3.meta.endpoint_url.startswith("https://"):  # elsewhere it would lock us out
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(only_by_tls(bucket)))


def only_by_tls(bucket: str) -> dict[str, object]:
    """The policy that refuses whatever comes without TLS."""
    statement = {
        "Sid": "OnlyByTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def upload(s3: Any, bucket: str, prefix: str, files: Mapping[str, bytes]) -> int:
    """Put files below a prefix that is named by their content; gives how many were not there yet."""
    sent = 0
    for name, data in files.items():
        key = f"{prefix}/{name}"
        try:
            s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error_code(error) != "404":
                raise
            s3.put_object(Bucket=bucket, Key=key, Body=data)
            sent += 1
    return sent


def upload_player(s3: Any, bucket: str, files: Mapping[str, bytes]) -> None:
    """Put the player where CloudFront looks for it; the page last, so that it never names what is not there."""
    for name in sorted(files, key=lambda name: (name.endswith(".html"), name)):
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if name.endswith(".mjs"):
            kind = "text/javascript"
        s3.put_object(
            Bucket=bucket, Key=f"player/{name}", Body=files[name], ContentType=kind, CacheControl="public, max-age=300"
        )


def empty(s3: Any, bucket: str, prefix: str = "") -> int:
    """Remove every object and every version of one; gives how many. A bucket that is gone is empty."""
    removed = 0
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            doomed = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            if doomed:
                answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})
                if errors := answer.get("Errors"):
                    raise PanocastError(f"{bucket} cannot be emptied: {errors[0]['Key']}: {errors[0]['Message']}")
            removed += len(doomed)
    except ClientError as error:
        if error_code(error) != "NoSuchBucket":
            raise
    return removed


def remove(s3: Any, bucket: str) -> int:
    """Empty a bucket and delete it; gives how many objects (and versions) were in it."""
    removed = empty(s3, bucket)
    try:
        s3.delete_bucket(Bucket=bucket)
    except ClientError as error:
        if error_code(error) != "NoSuchBucket":
            raise
    return removed
