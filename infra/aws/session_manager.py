"""AWS's agent for Session Manager, which Debian lacks: fetched once, kept in the artifact bucket, the same for all."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import aiohttp
from botocore.exceptions import ClientError

from panocast.aws import error_code
from panocast.errors import TemporaryError

NAME = "amazon-ssm-agent.deb"
MOST_BYTES = 200_000_000


def source_url(region: str, architecture: str) -> str:
    """Where AWS offers it: https://docs.aws.amazon.com/systems-manager/latest/userguide/agent-install-deb.html"""
    return f"https://s3.{region}.amazonaws.com/amazon-ssm-{region}/latest/debian_{architecture}/{NAME}"


def members(package: bytes) -> dict[str, bytes]:
    """The package and its checksum, as start.sh looks for them."""
    return {NAME: package, "amazon-ssm-agent.sha256": f"{hashlib.sha256(package).hexdigest()}  {NAME}\n".encode()}


async def agent_package(s3: Any, bucket: str, region: str, architecture: str) -> bytes:
    """The package: the one that is kept, or AWS's newest, which is kept from now on.

    Raises TemporaryError when it cannot be fetched.
    """
    key = f"session-manager/{architecture}/{NAME}"
    try:
        return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as error:
        if error_code(error) not in ("NoSuchKey", "NoSuchBucket", "404"):
            raise
    package = await _fetch(source_url(region, architecture))
    await asyncio.to_thread(s3.put_object, Bucket=bucket, Key=key, Body=package)
    return package


async def _fetch(url: str) -> bytes:
    try:
        timeout = aiohttp.ClientTimeout(total=300)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            response.raise_for_status()
            package = await response.content.read(MOST_BYTES)
            while more := await response.content.read(MOST_BYTES - len(package)):
                package += more
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TemporaryError(
            f"Session Manager's agent cannot be fetched from {url} ({error or type(error).__name__}): try again, or "
            "deploy with --without-session-manager (no shell on the machines then)"
        ) from error
    if not package.startswith(b"!<arch>\n"):
        raise TemporaryError(f"{url} did not give a Debian package: try again later")
    return package
