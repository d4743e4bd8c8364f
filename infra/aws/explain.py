"""What AWS refuses, in one line with the mend."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from panocast.aws import error_code, status
from panocast.errors import PanocastError, SetupError, TemporaryError

_SIGN_IN = "sign in first (`aws configure`, `aws sso login`, or AWS_PROFILE), then run this again"
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN_KEY = {"InvalidClientTokenId", "InvalidAccessKeyId", "SignatureDoesNotMatch", "UnrecognizedClientException"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
_BUSY = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}

# What CloudFormation says of a resource that it could not make, and what to do about it: (words in it, the mend).
_REASONS = (
    (
        ("UnfulfillableCapacity", "InsufficientInstanceCapacity", "could not be satisfied", "no Spot capacity"),
        "AWS has no Spot capacity of these sizes now: deploy again with another size (--set edge-size=xlarge), with "
        "On-Demand machines (--set origin-on-demand-percent=100), or in another region",
    ),
    (
        ("MaxSpotInstanceCountExceeded", "VcpuLimitExceeded", "vCPU capacity than your current vCPU limit"),
        "the account's vCPU quota is used up: ask for more (Service Quotas, Amazon EC2), or choose smaller sizes",
    ),
    (("AddressLimitExceeded",), "the account has no Elastic IP left: release one, or ask for more (Service Quotas)"),
    (("VpcLimitExceeded",), "the region has no room for another VPC: remove one, or ask for more (Service Quotas)"),
    (
        ("already exists", "BucketAlreadyExists", "AlreadyExistsException"),
        "the name is taken in this account or region: choose another with --name",
    ),
    (
        ("Failed to receive", "resource signal"),
        "machines did not come up in time: their log is in the stack's log group (and in their cloud-init-output.log)",
    ),
    (("not authorized to perform", "AccessDenied"), "your credentials lack that permission: ask for it"),
    (
        ("service linked role", "service-linked role", "ServiceLinkedRole"),
        "the account has never used that service: `aws iam create-service-linked-role` for it, once, then deploy again",
    ),
)


def in_words(error: ClientError | BotoCoreError) -> PanocastError:
    """An error of boto3's as one of ours."""
    said = " ".join(str(error).split())
    if isinstance(error, (NoCredentialsError, CredentialRetrievalError, PartialCredentialsError)):
        return SetupError(f"AWS does not know who you are ({said}): {_SIGN_IN}")
    if isinstance(error, ProfileNotFound):
        return SetupError(f"{said}: check AWS_PROFILE")
    if isinstance(error, NoRegionError):
        return SetupError("no AWS region is set: say --region eu-central-1, or set AWS_REGION")
    if isinstance(error, InvalidRegionError):
        return SetupError(f"{said}: say a region such as --region eu-central-1")
    if isinstance(error, EndpointConnectionError):
        return SetupError(f"{said}: is the region's name right, and is there a network?")
    if not isinstance(error, ClientError):
        return TemporaryError(said)
    return _refused(error)


def _refused(error: ClientError) -> PanocastError:
    code = error_code(error)
    said = f"{error.operation_name}: {error.response.get('Error', {}).get('Message', '') or code}"
    if code in _EXPIRED:
        return SetupError(f"your credentials have expired ({said}): {_SIGN_IN}")
    if code in _UNKNOWN_KEY:
        return SetupError(f"AWS does not accept your credentials ({said}): {_SIGN_IN}")
    if code in ("OptInRequired", "AuthFailure"):
        return SetupError(f"{said}: the region is switched off in this account: switch it on, or choose another")
    if code in _DENIED or status(error) == 403:
        return SetupError(f"{said}: your credentials lack that permission: ask for it")
    if code in _BUSY:
        return TemporaryError(f"{said}: AWS is busy: run this again in a minute")
    mend = mend_of(said + code)
    return PanocastError(f"{said}: {mend}" if mend else said)


def mend_of(reason: str) -> str | None:
    """What to do about a reason of CloudFormation's; None where nothing better is known than the reason itself."""
    return next((mend for words, mend in _REASONS if any(word in reason for word in words)), None)
