"""plan, deploy, status, update, sleep, wake and destroy of a whole stack, through boto3 against moto.

moto makes the buckets, queues, groups, machines, roles and addresses; what it skips is checked in the templates, by
cfn-lint and the rules.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.config import PLAYER, content_security_policy
from infra.aws import cli
from infra.aws.account import Account
from infra.aws.artifacts import assemble
from infra.aws.deploy import Wanted, secret_name
from infra.aws.naps import propose_nap
from infra.aws.parameters import parse_parameters
from infra.aws.stack import Stack
from panocast.cli import run_app
from tests.aws import AwsServer
from tests.integration.infra.moto_gaps import fill_gaps

pytestmark = pytest.mark.slow

PLAYER_FILES = {"index.html": b"<!doctype html>", "src/main.js": b"export {};", "vendor/aframe.min.js": b"//"}


@pytest.fixture
def account(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """The commands' own way to AWS, which is moto here."""
    for key, value in aws.environment.items():
        monkeypatch.setenv(key, value)
    fill_gaps(aws)
    logging.getLogger("moto").setLevel(logging.ERROR)  # it names everything that it skips
    handlers = logging.root.handlers[:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield Account()
    logging.root.handlers[:] = handlers


def deploy(account: Account, name: str, wheels: Path, **parameters: object) -> dict[str, str]:
    """What `panocast aws deploy` does after it has built; the wheels are small ones."""
    wheel = wheels / "panocast-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    stack = Stack(account.client("cloudformation"), name, poll_s=0.05)
    wanted = Wanted(
        parse_parameters({**parameters, "deployment": name}),
        assemble([wheel], PLAYER_FILES),
        content_security_policy(PLAYER),
        0.02,
    )
    outputs = cli.run_deploy(account, wanted, stack, yes=True)
    assert outputs is not None
    return outputs


def groups(account: Account, name: str) -> dict[str, Any]:
    """The stack's groups by what they are for."""
    found = account.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    named = {tag["Value"]: group for group in found for tag in group["Tags"] if tag["Key"] == "Name"}
    return {key.removeprefix(f"{name} "): group for key, group in named.items() if key.startswith(f"{name} ")}


def test_a_stack_from_plan_to_destroy(
    account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_app(cli.app, ["plan", "--set", "test-source=yes"]) == 0
    planned = capsys.readouterr().out
    assert "AutoScaling::AutoScalingGroup" in planned
    assert "prices of us-east-1, 20 November 2026" in planned

    outputs = deploy(account, "life", tmp_path)
    said = capsys.readouterr().out
    assert re.fullmatch(r"rtmp://[\d.]+:1935/live", outputs["IngestPrimary"])
    assert outputs["IngestPrimary"] != outputs["IngestBackup"]
    s3 = account.client("s3")
    page = s3.get_object(Bucket=outputs["EgressBucket"], Key="player/index.html")
    assert page["ContentType"] == "text/html"
    assert s3.get_public_access_block(Bucket=account.artifact_bucket)["PublicAccessBlockConfiguration"][
        "BlockPublicAcls"
    ]

    # The secret is there, encrypted, and nobody has said it.
    parameter = account.client("ssm").get_parameter(Name=secret_name("life"), WithDecryption=True)["Parameter"]
    assert parameter["Type"] == "SecureString"
    assert parameter["Value"] not in said
    assert run_app(cli.app, ["stream-key", "my-event", "--name", "life"]) == 0
    assert re.fullmatch(r"my-event\?key=[\w-]{32}\n", capsys.readouterr().out)

    running = groups(account, "life")
    assert {role: (g["MinSize"], g["DesiredCapacity"]) for role, g in running.items()} == {
        "primary origin": (1, 1),
        "backup origin": (1, 1),
        "edge": (1, 1),
        "worker": (0, 0),
    }

    s3.put_object(Bucket=outputs["IngestBucket"], Key="uploads/a clip.mp4", Body=b"x")
    assert run_app(cli.app, ["status", "--name", "life"]) == 0
    told = capsys.readouterr().out
    assert "life: CREATE_COMPLETE, awake" in told
    assert "primary origin: 1 of 1 machines in service" in told
    assert "failed for good: 0" in told
    assert "spent this month" in told

    # The same again changes nothing; another size does, and keeps buckets, addresses and secret.
    deploy(account, "life", tmp_path)
    assert "everything is in" in capsys.readouterr().out
    again = deploy(account, "life", tmp_path, edge_min=2, edge_max=6)
    assert {key: again[key] for key in outputs} == outputs
    assert groups(account, "life")["edge"]["MaxSize"] == 6
    kept = account.client("ssm").get_parameter(Name=secret_name("life"), WithDecryption=True)["Parameter"]
    assert kept["Value"] == parameter["Value"]

    # moto cannot change what is inside nested stacks: that a sleeping one has no machines is checked in the templates.
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run_app(cli.app, ["sleep", "--name", "life"]) == 0
    assert "nothing was changed" in capsys.readouterr().out
    proposed = propose_nap(Stack(account.client("cloudformation"), "life"), awake=False)
    assert proposed is not None
    asked = account.client("cloudformation").describe_change_set(ChangeSetName=proposed[0])["Parameters"]
    changed = {each["ParameterKey"]: each["ParameterValue"] for each in asked}
    before = Stack(account.client("cloudformation"), "life").parameters()
    # ImageId: moto tells what a public parameter stands for instead of its name.
    assert {k: v for k, v in changed.items() if v != before.get(k) and k != "ImageId"} == {"Awake": "no"}
    assert run_app(cli.app, ["wake", "--name", "life", "--yes"]) == 0
    assert "awake already" in capsys.readouterr().out

    monkeypatch.setattr("sys.stdin", io.StringIO("another\n"))
    assert run_app(cli.app, ["destroy", "--name", "life"]) == 2
    assert "not its name: nothing was done" in capsys.readouterr().err
    assert run_app(cli.app, ["destroy", "--name", "life", "--yes"]) == 0
    assert f"kept: s3://{outputs['IngestBucket']}" in capsys.readouterr().out
    assert s3.list_objects_v2(Bucket=outputs["IngestBucket"])["KeyCount"] == 1
    assert run_app(cli.app, ["status", "--name", "life"]) == 2
    assert "there is no deployment life" in capsys.readouterr().err


def test_destroy_with_its_recordings_leaves_nothing(account: Account, tmp_path: Path) -> None:
    outputs = deploy(account, "gone", tmp_path)
    s3 = account.client("s3")
    for _ in range(2):  # versions
        s3.put_object(Bucket=outputs["IngestBucket"], Key="uploads/a.mp4", Body=b"x")
    assert run_app(cli.app, ["destroy", "--name", "gone", "--yes", "--delete-recordings"]) == 0
    names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert not [name for name in names if name.startswith("gone-")]
    assert not account.client("ssm").describe_parameters(
        ParameterFilters=[{"Key": "Name", "Values": [secret_name("gone")]}]
    )["Parameters"]
