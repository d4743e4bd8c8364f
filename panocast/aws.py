"""What the S3 store and the SQS queue share: how clients are made, and AWS's errors in our words.

Credentials, region and endpoint come from boto3's own environment (AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, …).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
)

from panocast.errors import NotFoundError, PanocastError, SetupError, TemporaryError, UsageError

# standard: retries throttling, 5xx and broken connections with backoff and jitter, and counts the first try, too.
# read_timeout: above the 20 s of an SQS long poll. CONNECTIONS: thousands of small segments, each a round trip;
# some more for what other jobs do meanwhile.
CONNECTIONS = 48
CLIENT_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=5,
    read_timeout=40,
    max_pool_connections=CONNECTIONS + 16,
    request_checksum_calculation="when_supported",
    response_checksum_validation="when_supported",
    user_agent_extra="panocast",
)
# For what somebody waits for: over after some five seconds, instead of minutes.
HASTY_CONFIG = CLIENT_CONFIG.merge(
    Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=1, read_timeout=2)
)
# An endpoint that is not Amazon's (MinIO, moto, Ceph) rarely has a DNS name for each bucket.
PATH_STYLE = Config(s3={"addressing_style": "path"})

_NOT_THERE = {"404", "NoSuchKey", "NotFound"}
# A bucket or queue that is not there is a setting to mend: trying again would hide a typing mistake for ever.
_MISCONFIGURED = {
    "NoSuchBucket": "there is no such bucket",
    "AWS.SimpleQueueService.NonExistentQueue": "there is no such queue",
    "QueueDoesNotExist": "there is no such queue",
    "InvalidBucketName": "that is no bucket's name",
    "InvalidAddress": "that is no queue's URL",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidToken", "TokenRefreshRequired"}


def new_session() -> boto3.Session:
    """A session of the caller's own: boto3's default one is not safe between threads."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _descriptions())
    return boto3.Session(botocore_session=session)


@cache
def _descriptions() -> object:
    """What botocore knows of AWS's services, read once for all sessions: it is megabytes of JSON."""
    return botocore.session.get_session().get_component("data_loader")


def is_amazon(endpoint_url: str) -> bool:
    """Whether a client's endpoint is AWS itself (China's regions, too)."""
    host = endpoint_url.split("://")[-1].split("/")[0].split(":")[0]
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def error_code(error: ClientError) -> str:
    """The code AWS answered, such as NoSuchKey; for a HEAD, which has no body, the HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status(error: ClientError) -> int:
    """The HTTP status AWS answered."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raises boto3's errors as ours; `what` begins the sentence ("cannot read s3://…")."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise in_words(error, what) from error


def in_words(error: ClientError | BotoCoreError, what: str) -> PanocastError:
    """The same error as one of ours. What another try could mend is temporary, and so are credentials: they rotate,
    and a message must not be given up because they expired."""
    if isinstance(error, NoRegionError):
        return SetupError(f"{what}: {str(error).strip()}")
    if isinstance(error, ParamValidationError):
        return UsageError(f"{what}: {str(error).strip()}")
    if isinstance(error, (NoCredentialsError, CredentialRetrievalError)):
        return TemporaryError(f"{what}: there are no credentials for AWS ({str(error).strip()}): set or renew them")
    if not isinstance(error, ClientError):
        return TemporaryError(f"{what}: {str(error).strip()}")
    code = error_code(error)
    said = f"{code}: {error.response.get('Error', {}).get('Message', '')}".strip(": ")
    if code in _NOT_THERE:
        return NotFoundError(f"{what}: there is no such object")
    if code in _MISCONFIGURED:
        return SetupError(f"{what}: {_MISCONFIGURED[code]}: check the setting")
    if code in _DENIED:
        return TemporaryError(f"{what}: AWS denies it ({said}): check the credentials and their policy")
    if code in _EXPIRED:
        return TemporaryError(f"{what}: the credentials have expired ({said}): renew them")
    return TemporaryError(f"{what}: {said}")
