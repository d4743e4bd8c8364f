"""Everything that goes wrong with AWS is one line with the mend."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from infra.aws.deploy import failure
from infra.aws.explain import in_words
from infra.aws.stack import Event, Way, way_on
from panocast.errors import SetupError, TemporaryError


def refused(code: str, message: str = "said AWS", status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "CreateStack")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind", "mend"),
    [
        (NoCredentialsError(), SetupError, "sign in first"),
        (NoRegionError(), SetupError, "--region"),
        (ProfileNotFound(profile="work"), SetupError, "AWS_PROFILE"),
        (EndpointConnectionError(endpoint_url="https://sts.mars-1.amazonaws.com"), SetupError, "is the region's name"),
        (refused("ExpiredToken"), SetupError, "have expired"),
        (refused("InvalidClientTokenId"), SetupError, "sign in first"),
        (refused("OptInRequired"), SetupError, "switched off in this account"),
        (refused("UnauthorizedOperation"), SetupError, "lack that permission"),
        (refused("Throttling"), TemporaryError, "run this again"),
        (refused("AlreadyExistsException", "Stack [x] already exists"), Exception, "choose another with --name"),
    ],
)
def test_an_error_says_what_to_do(error: ClientError | BotoCoreError, kind: type[Exception], mend: str) -> None:
    said = in_words(error)
    assert isinstance(said, kind)
    assert mend in str(said)
    assert "\n" not in str(said)


def event(resource: str, reason: str, status: str = "CREATE_FAILED") -> Event:
    return Event(datetime.now(UTC), resource, "AWS::X::Y", status, reason)


def test_a_failed_stack_tells_its_first_reason_and_the_mend() -> None:
    failures = [
        event("Group", "UnfulfillableCapacity: Unable to fulfill capacity due to your request configuration"),
        event("Edge", "Embedded stack arn:... was not successfully created"),
    ]
    said = failure("panocast", "ROLLBACK_COMPLETE", failures)
    assert "Group: UnfulfillableCapacity" in said
    assert "no Spot capacity" in said
    assert "nothing of it runs" in said
    assert "what was there before runs on" in failure("panocast", "UPDATE_ROLLBACK_COMPLETE", failures)


def test_what_was_only_cancelled_is_no_reason() -> None:
    assert not event("Other", "Resource creation cancelled").failed
    assert event("Group", "no").failed


@pytest.mark.parametrize(
    ("status", "way"),
    [
        (None, Way.CREATE),
        ("REVIEW_IN_PROGRESS", Way.CREATE),
        ("CREATE_IN_PROGRESS", Way.WAIT),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Way.WAIT),
        ("UPDATE_ROLLBACK_IN_PROGRESS", Way.WAIT),
        ("DELETE_IN_PROGRESS", Way.WAIT),
        ("ROLLBACK_COMPLETE", Way.DELETE_FIRST),
        ("CREATE_FAILED", Way.DELETE_FIRST),
        ("DELETE_FAILED", Way.DELETE_FIRST),
        ("UPDATE_ROLLBACK_FAILED", Way.FINISH_ROLLBACK),
        ("CREATE_COMPLETE", Way.UPDATE),
        ("UPDATE_COMPLETE", Way.UPDATE),
        ("UPDATE_ROLLBACK_COMPLETE", Way.UPDATE),
        ("UPDATE_FAILED", Way.UPDATE),
        ("IMPORT_COMPLETE", Way.UPDATE),
    ],
)
def test_from_every_state_there_is_a_way_on(status: str | None, way: Way) -> None:
    assert way_on(status) is way
