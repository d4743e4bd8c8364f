"""AWS's agent for Session Manager, which Debian lacks: fetched once, kept in the artifact bucket with its checksum, the
same for all machines from then on."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any

import aiohttp
from botocore.exceptions import ClientError

from panocast.aws import error_code
from panocast.body import read_at_most
from panocast.errors import PanocastError, TemporaryError

NAME = "amazon-ssm-agent.deb"
MOST_BYTES = 200_000_000
_DIGEST = "sha256"


@dataclass(frozen=True, slots=True)
class Package:
    """A package; `fetched` from where just now, None when it was kept."""

    data: bytes
    fetched: str | None = None

    @property
    def sha256(self) -> str:
        """Its checksum, in hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()

    def members(self) -> dict[str, bytes]:
        """The package and its checksum, as start.sh looks for them."""
        return {NAME: self.data, "amazon-ssm-agent.sha256": f"{self.sha256}  {NAME}\n".encode()}


def source_url(region: str, architecture: str) -> str:
    """Where AWS offers it: https://docs.aws.amazon.com/systems-manager/latest/userguide/agent-install-deb.html"""
    return f"https://s3.{region}.amazonaws.com/amazon-ssm-{region}/latest/debian_{architecture}/{NAME}"


async def agent_package(s3: Any, bucket: str, architecture: str, url: str) -> Package:
    """The package: the one that is kept, or the one at `url`, which is kept from now on.

    Raises TemporaryError when it cannot be fetched, PanocastError when the one that is kept was changed.
    """
    key = f"session-manager/{architecture}/{NAME}"
    kept = await asyncio.to_thread(_kept, s3, bucket, key)
    if kept is not None:
        return kept
    package = Package(await _fetch(url), fetched=url)
    await asyncio.to_thread(
        s3.put_object, Bucket=bucket, Key=key, Body=package.data, Metadata={_DIGEST: package.sha256}
    )
    return package


def _kept(s3: Any, bucket: str, key: str) -> Package | None:
    try:
        found = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_code(error) in ("NoSuchKey", "NoSuchBucket", "404"):
            return None
        raise
    package, said = Package(found["Body"].read()), found["Metadata"].get(_DIGEST, "")
    if package.sha256 != said:
        raise PanocastError(
            f"s3://{bucket}/{key} is not what was put there (sha256 {package.sha256}, not {said or 'known'}): find out "
            "who changed it, delete it, and deploy again"
        )
    return package


async def _fetch(url: str) -> bytes:
    try:
        timeout = aiohttp.ClientTimeout(total=300)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            response.raise_for_status()
            package = await read_at_most(response.content, MOST_BYTES)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _cannot(url, str(error) or type(error).__name__) from error
    if package is None:
        raise _cannot(url, f"more than {MOST_BYTES} bytes come, which is no agent")
    if not package.startswith(b"!<arch>\n"):
        raise _cannot(url, "what came is no Debian package")
    return package


def _cannot(url: str, why: str) -> TemporaryError:
    return TemporaryError(
        f"Session Manager's agent cannot be fetched from {url} ({why}): try again, or deploy with "
        "--without-session-manager (no shell on the machines then)"
    )
