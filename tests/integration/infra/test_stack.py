"""plan, deploy, status, update, sleep, wake and destroy of a whole stack, through boto3 against moto.

moto makes the buckets, queues, groups, machines, roles and addresses; what it skips is checked in the templates, by
cfn-lint and the rules.
"""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from edge.config import PLAYER, content_security_policy
from edge.signing import signing_key, token
from infra.aws import cli
from infra.aws.account import Account
from infra.aws.artifacts import assemble
from infra.aws.deploy import Wanted, prepare, settle
from infra.aws.naps import propose_nap
from infra.aws.parameters import parse_parameters
from infra.aws.ssm import KEYS, PLAYBACK, SECRET, ensure_parameters, parameter
from infra.aws.stack import Event, Stack
from panocast.cli import run_app
from panocast.layout import CATALOG
from tests.aws import AwsServer
from tests.integration.infra.moto_gaps import fill_gaps, leave_in

pytestmark = pytest.mark.slow

NOTHING = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}}
# As much of a deployment as its end needs.
ONLY_BUCKETS = {
    "Parameters": {"Deployment": {"Type": "String"}, "Suffix": {"Type": "String"}},
    "Resources": {
        which.capitalize(): {
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "Retain",
            "Properties": {"BucketName": {"Fn::Sub": f"${{Deployment}}-${{Suffix}}-{which}"}},
        }
        for which in ("ingest", "egress")
    },
}
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


def wanted(name: str, wheels: Path, **parameters: object) -> Wanted:
    """What `panocast aws deploy` builds; the wheels are small ones."""
    wheel = wheels / "panocast-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    return Wanted(
        parse_parameters({**parameters, "deployment": name}),
        assemble([wheel], PLAYER_FILES),
        content_security_policy(PLAYER),
        0.02,
    )


def deploy(account: Account, name: str, wheels: Path, **parameters: object) -> dict[str, str]:
    """What `panocast aws deploy` does after it has built."""
    stack = Stack(account.client("cloudformation"), name, poll_s=0.05)
    outputs = cli.run_deploy(account, wanted(name, wheels, **parameters), stack, yes=True)
    assert outputs is not None
    return outputs


def secret(account: Account, deployment: str, name: str) -> str:
    """A secret of a deployment, which SSM keeps encrypted."""
    found = account.client("ssm").get_parameter(Name=parameter(deployment, name), WithDecryption=True)["Parameter"]
    assert found["Type"] == "SecureString"
    return str(found["Value"])


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

    # What an earlier try left is no hindrance: a stack that never came up, then a deploy that was interrupted between
    # its proposal and the answer to it.
    cloudformation = account.client("cloudformation")
    tag = {"Key": "panocast", "Value": "life"}
    cloudformation.create_stack(StackName="life", TemplateBody=json.dumps(NOTHING), Tags=[tag])
    leave_in("life", "ROLLBACK_COMPLETE")
    stack, stack_events = Stack(cloudformation, "life", poll_s=0.05), list[Event]()
    settle(stack, print, lambda since: stack_events.extend(stack.follow(since)))
    assert prepare(account, wanted("life", tmp_path), stack, print) is not None
    assert "life is ROLLBACK_COMPLETE: it never came up, and is removed" in capsys.readouterr().out
    assert stack.status() == "REVIEW_IN_PROGRESS"

    outputs = deploy(account, "life", tmp_path)
    said = capsys.readouterr().out
    assert "everything is in" in said
    assert re.search(r"^\d\d:\d\d:\d\d CREATE_COMPLETE +life$", said, re.M)
    assert re.fullmatch(r"rtmp://[\d.]+:1935/live", outputs["IngestPrimary"])
    assert outputs["IngestPrimary"] != outputs["IngestBackup"]
    s3 = account.client("s3")
    page = s3.get_object(Bucket=outputs["EgressBucket"], Key="player/index.html")
    assert page["ContentType"] == "text/html"
    assert s3.get_public_access_block(Bucket=account.artifact_bucket)["PublicAccessBlockConfiguration"][
        "BlockPublicAcls"
    ]

    # The secrets are there, encrypted, and nobody has said them.
    secrets = {name: secret(account, "life", name) for name in (SECRET, PLAYBACK)}
    assert not [value for value in secrets.values() if value in said]
    assert run_app(cli.app, ["stream-key", "my-event", "--name", "life"]) == 0
    key = capsys.readouterr().out
    assert re.fullmatch(r"my-event\?key=[\w-]{32}\n", key)
    assert run_app(cli.app, ["stream-key", "my-event", "--renew", "--name", "life"]) == 0
    renewed = capsys.readouterr().out
    assert re.fullmatch(r"my-event\?key=[\w-]{32}\n", renewed)
    assert renewed != key

    # The library of a stack without assets is empty, not missing; players are asked how well they play.
    catalog = s3.get_object(Bucket=outputs["EgressBucket"], Key=CATALOG)
    assert (json.load(catalog["Body"]), catalog["ContentType"]) == ({"vod": []}, "application/json")
    site = json.load(s3.get_object(Bucket=outputs["EgressBucket"], Key="player/player.json")["Body"])
    assert (site["beacons"], site["url"]) == (True, outputs["Player"])
    assert b"<svg" in s3.get_object(Bucket=outputs["EgressBucket"], Key="player/qr.svg")["Body"].read()

    assert run_app(cli.app, ["sign", "/hls/my-event.m3u8", "--name", "life"]) == 0
    signed = capsys.readouterr()
    path = urlsplit(signed.out.strip()).path
    _, _, expires_and_token, *_ = path.split("/")
    expires = int(expires_and_token.split("-")[0])
    made = token("hls/my-event", expires, signing_key(secrets[PLAYBACK].encode()))
    assert path == f"/s/{expires}-{made}/hls/my-event.m3u8", "an edge with the same secret lets it pass"
    assert "--set signed-playback=yes" in signed.err

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

    # The same again changes nothing; another size does, and keeps buckets, addresses, secrets and the catalog.
    s3.put_object(Bucket=outputs["EgressBucket"], Key=CATALOG, Body=b'{"vod": [{"id": "a/1"}]}')
    deploy(account, "life", tmp_path)
    assert "everything is in" in capsys.readouterr().out
    assert b"a/1" in s3.get_object(Bucket=outputs["EgressBucket"], Key=CATALOG)["Body"].read()
    # A catalog that was lost is a worker's to make from the assets: an empty one would hide them.
    s3.delete_object(Bucket=outputs["EgressBucket"], Key=CATALOG)
    s3.put_object(Bucket=outputs["EgressBucket"], Key="vod/a/1/master.m3u8", Body=b"x")
    again = deploy(account, "life", tmp_path, edge_min=2, edge_max=6)
    assert s3.list_objects_v2(Bucket=outputs["EgressBucket"], Prefix=CATALOG)["KeyCount"] == 0
    assert {key: again[key] for key in outputs} == outputs
    assert groups(account, "life")["edge"]["MaxSize"] == 6
    assert {name: secret(account, "life", name) for name in secrets} == secrets
    assert run_app(cli.app, ["stream-key", "my-event", "--name", "life"]) == 0
    assert capsys.readouterr().out.endswith(renewed)

    # moto cannot change what is inside nested stacks: tests/unit/infra/aws/test_sleep.py works out from the templates
    # what there is of a sleeping one.
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


def test_destroy_with_its_recordings_leaves_nothing(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    s3, ssm = account.client("s3"), account.client("ssm")
    ensure_parameters(ssm, "gone")
    buckets = {which: f"gone-0123abcd-{which}" for which in ("ingest", "egress")}
    account.client("cloudformation").create_stack(
        StackName="gone",
        TemplateBody=json.dumps(ONLY_BUCKETS),
        Parameters=[
            {"ParameterKey": "Deployment", "ParameterValue": "gone"},
            {"ParameterKey": "Suffix", "ParameterValue": "0123abcd"},
        ],
        Tags=[{"Key": "panocast", "Value": "gone"}],
    )
    s3.put_bucket_versioning(Bucket=buckets["ingest"], VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket=buckets["ingest"], Key="uploads/a.mp4", Body=b"x")
    assert run_app(cli.app, ["destroy", "--name", "gone", "--yes", "--delete-recordings"]) == 0
    assert f"2 objects deleted with {buckets['ingest']}" in capsys.readouterr().out
    names = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    assert not names & set(buckets.values())
    left = [parameter("gone", name) for name in (SECRET, PLAYBACK, KEYS)]
    assert ssm.get_parameters(Names=left)["InvalidParameters"] == left


def test_a_stack_of_somebody_elses_is_neither_changed_nor_destroyed(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.client("cloudformation").create_stack(StackName="theirs", TemplateBody=json.dumps(NOTHING))
    for words in (["destroy", "--yes"], ["sleep", "--yes"], ["status"], ["deploy", "--yes"]):
        assert run_app(cli.app, [*words, "--name", "theirs"]) == 2
        assert "the name is taken: the stack theirs" in capsys.readouterr().err
    assert Stack(account.client("cloudformation"), "theirs").status() == "CREATE_COMPLETE"
