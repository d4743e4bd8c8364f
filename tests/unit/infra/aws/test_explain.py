"""Everything that goes wrong with AWS is one line with the mend."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)
from botocore.stub import Stubber

from infra.aws import cli
from infra.aws.artifact_bucket import ensure_bucket
from infra.aws.deploy import failure
from infra.aws.explain import in_words
from infra.aws.stack import Event, Way, way_on
from infra.aws.status import fleet_lines
from panocast.cli import run_app
from panocast.errors import PanocastError, SetupError, TemporaryError


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


def test_whatever_the_command_line_meets_it_is_one_line_and_the_right_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    nothing = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    for name, value in {**nothing, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "wrong.toml").write_text("edge-max = \n")
    for words, told in (
        (["deploy"], "no AWS region is set"),
        (["status", "--region", "eu-central-1"], "sign in first"),
        (["deploy", "--region", "eu-central-1"], "sign in first"),
        (["destroy", "--region", "eu-central-1"], "sign in first"),
        (["sleep", "--region", "nonsense!"], "say a region such as"),
        (["plan", "--set", "edge-max=0"], "edge-max = '0'"),
        (["plan", "--set", "nonsense"], "say NAME=VALUE"),
        (["plan", "--name", "My Stack"], "deployment = 'My Stack'"),
        (["plan", "--file", f"{tmp_path}/none.toml"], "cannot be read"),
        (["plan", "--file", f"{tmp_path}/wrong.toml"], "cannot be read"),
        (["stream-key", "No Name", "--region", "eu-central-1"], "is not a stream name"),
    ):
        assert run_app(cli.app, words) == 2, words
        said = capsys.readouterr().err
        assert told in said, said
        assert said.count("\n") == 1, said


def test_a_taken_name_of_the_artifact_bucket_says_so() -> None:
    s3 = boto3.client("s3", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(s3) as answers:
        answers.add_client_error("head_bucket", service_error_code="403", http_status_code=403)
        with pytest.raises(PanocastError, match="who owns the name"):
            ensure_bucket(s3, "panocast-artifacts-1-eu-central-1", "eu-central-1")


def test_a_tier_without_spot_capacity_says_so_in_its_status() -> None:
    autoscaling = boto3.client(
        "autoscaling", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    group = {"AutoScalingGroupName": "g", "DesiredCapacity": 1, "MinSize": 1, "MaxSize": 2, "Instances": []}
    more = {"DefaultCooldown": 0, "AvailabilityZones": [], "HealthCheckType": "EC2", "CreatedTime": datetime.now(UTC)}
    why = "Could not launch Spot Instances. UnfulfillableCapacity - no Spot capacity that fits your request."
    activity = {"ActivityId": "a", "AutoScalingGroupName": "g", "Cause": "c", "StartTime": datetime.now(UTC)}
    with Stubber(autoscaling) as answers:
        answers.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [{**group, **more}]})
        failed = {**activity, "StatusCode": "Failed", "StatusMessage": why}
        answers.add_response("describe_scaling_activities", {"Activities": [failed]})
        (line,) = fleet_lines(autoscaling, {"Edge/Group": "g"})
    assert line.startswith("edges: 0 of 1 machines in service (Could not launch Spot Instances.")
    assert "--set edge-size=xlarge" in line


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
