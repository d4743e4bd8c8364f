"""What containers run, with their templates' own commands and environment, against moto: a Batch job from an upload's
event to the asset, and the test source. Stand-ins: what needs a container to spoil, and the AWS command line."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.aws import ssm
from infra.aws.artifacts import instance_tar
from infra.aws.lambdas import submit
from panocast.layout import CATALOG
from tests.aws import AwsServer
from tests.integration.infra.test_installation import wire
from tests.integration.infra.test_lambdas import OBJECT_CREATED, Batch
from tests.unit.infra.aws.rendered import templates
from tests.waiting import eventually

pytestmark = pytest.mark.slow

PROGRAMS = Path(sys.executable).parent
ORIGINS = ("primary", "backup")
AWS_COMMAND = """
import boto3, sys
words = sys.argv[1:]
if words[0] == "ssm":
    name = words[words.index("--name") + 1]
    print(boto3.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
else:
    *_, source, target = words
    bucket, key = source.removeprefix("s3://").split("/", 1)
    assert target == "-"
    client = boto3.client("s3", config=boto3.session.Config(s3={"addressing_style": "path"}))
    sys.stdout.buffer.write(client.get_object(Bucket=bucket, Key=key)["Body"].read())
"""
STAND_INS = {
    "apt-get": 'echo "apt-get $*" >>"$CALLS"',
    "useradd": 'for last; do :; done; [ "$last" = panocast ] && mkdir -p "$HOME_OF_PANOCAST"',
    "chown": "exit 0",
    "sleep": "exec /bin/sleep 0.1",
    # Nobody may become somebody else here; what follows is run all the same, and so is panocast's own setpriv.
    "setpriv": f'case $1 in --reuid=*) shift 4; exec "$@" ;; *) exec {shutil.which("setpriv")} "$@" ;; esac',
    # A test source that ends at once.
    "panocast": f'case $1 in test-source) echo "panocast $*" >>"$CALLS" ;; *) exec {PROGRAMS}/panocast "$@" ;; esac',
    "pip": 'echo "pip $*" >>"$CALLS"',
    "python3": f"""mkdir -p "$3/bin" && cp "$STAND_INS/panocast" "$STAND_INS/pip" "$3/bin"
ln -s {PROGRAMS}/transcoder "$3/bin/transcoder" """,
    "aws": f'exec {sys.executable} "$STAND_INS/aws.py" "$@"',
}


def filled(value: Any, values: Mapping[str, str]) -> str:
    """A value of the template with `values` for its parameters."""
    match value:
        case {"Ref": str(name)}:
            return values[name]
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^}]+)\}", lambda found: values[found[1]], text)
        case _:
            return str(value)


@asynccontextmanager
async def container(
    definition: Mapping[str, Any], folder: Path, values: Mapping[str, str], aws: AwsServer
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a container definition's command with its environment; whatever it starts is ended at the end. What stand-ins
    were called for is in folder/calls."""
    home, opt, stand_ins = folder / "home", folder / "opt", folder / "bin"
    for each in (opt, stand_ins):
        each.mkdir(parents=True)
    for name, text in STAND_INS.items():
        (stand_ins / name).write_text(f"#!/bin/sh\n{text}\n")
        (stand_ins / name).chmod(0o755)
    (stand_ins / "aws.py").write_text(AWS_COMMAND)
    shell, flag, script = definition["Command"]
    process = await asyncio.create_subprocess_exec(
        shell,
        flag,
        script.replace("/var/lib/panocast", str(home)).replace("/opt", str(opt)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        env={
            **os.environ,
            **{each["Name"]: filled(each["Value"], values) for each in definition["Environment"]},
            **aws.environment,
            "PATH": f"{stand_ins}:{os.environ['PATH']}",
            "CALLS": str(folder / "calls"),
            "HOME_OF_PANOCAST": str(home),
            "STAND_INS": str(stand_ins),
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()


@pytest.fixture
def artifacts(aws: AwsServer, tmp_path: Path) -> dict[str, str]:
    """A bucket with what machines install themselves from, as values for the templates."""
    wheel, bucket = tmp_path / "panocast-0.1.0-py3-none-any.whl", aws.bucket()
    wheel.write_bytes(b"a wheel")
    body = instance_tar([wheel], {}, {})
    aws.client("s3").put_object(Bucket=bucket, Key="panocast/0123/instance.tar.gz", Body=body)
    region = aws.environment["AWS_REGION"]
    return {"ArtifactBucket": bucket, "ArtifactPrefix": "panocast/0123", "AWS::Region": region}


async def test_an_upload_becomes_a_job_that_makes_it_video_on_demand(
    aws: AwsServer, artifacts: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest, egress, queue = aws.bucket(), aws.bucket(), aws.queue()
    wire(aws, ingest, queue)
    s3, batch = aws.client("s3"), Batch()
    s3.put_object(Bucket=ingest, Key="uploads/a clip.mp4", Body=clip(tmp_path / "clip.mp4"))

    environment = {"QUEUE_URL": queue, "JOB_QUEUE": "a-queue", "JOB_DEFINITION": "worker", "JOBS_PER_WORKER": "8"}
    for key, value in {**environment, **aws.environment}.items():
        monkeypatch.setenv(key, value)
    event = json.loads(json.dumps(OBJECT_CREATED).replace('"ingest"', f'"{ingest}"'))
    assert submit.submit_missing(event, batch)["submitted"] == 1

    definition = templates()["batch"]["Resources"]["JobDefinition"]["Properties"]["ContainerProperties"]
    values = {"IngestBucket": ingest, "EgressBucket": egress, "QueueUrl": queue, "MaxVcpus": "32"}
    async with container(definition, tmp_path / "job", {**artifacts, **values}, aws) as process:
        said, _ = await asyncio.wait_for(process.communicate(), 240)
    assert process.returncode == 0, said.decode()
    calls = (tmp_path / "job" / "calls").read_text().splitlines()
    assert any("ffmpeg" in call for call in calls if call.startswith("apt-get -q install"))
    assert any("--no-index --find-links" in call for call in calls if call.startswith("pip install"))
    (asset,) = json.load(s3.get_object(Bucket=egress, Key=CATALOG)["Body"])["vod"]
    assert asset["name"].startswith("a-clip-")
    assert submit.submit_missing({"source": "aws.events"}, batch)["waiting"] == 0
    # CloudFront serves the bucket as it is: what it says of each object is what viewers are told.
    listed = s3.list_objects_v2(Bucket=egress, Prefix="vod/")["Contents"]
    told = {Path(each["Key"]).name: s3.head_object(Bucket=egress, Key=each["Key"]) for each in listed}
    kinds = {Path(name).suffix: each["ContentType"] for name, each in told.items()}
    assert kinds == {**kinds, ".m3u8": "application/vnd.apple.mpegurl", ".m4s": "video/iso.segment", ".vtt": "text/vtt"}
    lifetimes = {name: each["CacheControl"] for name, each in told.items()}
    assert {lifetimes.pop(name) for name in ("catalog.json", "asset.json", "master.m3u8")} == {"no-cache"}
    assert set(lifetimes.values()) == {"public, max-age=86400, immutable"}


def clip(path: Path) -> bytes:
    """Two seconds of equirectangular picture."""
    argv = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x320:rate=15:duration=2"]
    subprocess.run([*argv, "-pix_fmt", "yuv420p", "-g", "15", str(path)], check=True, timeout=60)
    return path.read_bytes()


async def test_the_test_source_publishes_to_both_origins_with_the_key_that_is_valid(
    aws: AwsServer, artifacts: dict[str, str], tmp_path: Path
) -> None:
    client, deployment = aws.client("ssm"), f"d{uuid.uuid4().hex[:6]}"
    ssm.ensure_parameters(client, deployment)
    task = templates()["test-source"]["Resources"]["Task"]["Properties"]["ContainerDefinitions"][0]
    calls = tmp_path / "task" / "calls"

    def publishes(key: str) -> bool:
        wanted = {f"panocast test-source rtmp://{r}.panocast.internal:1935/qa/test?key={key}" for r in ORIGINS}
        return calls.exists() and wanted <= set(calls.read_text().splitlines())

    async with container(task, tmp_path / "task", {**artifacts, "Deployment": deployment}, aws):
        await eventually(lambda: publishes(ssm.key(client, deployment, "test")), within_s=120)
        ssm.renew(client, deployment, "test")
        await eventually(lambda: publishes(ssm.key(client, deployment, "test")), within_s=120)
    assert oct((tmp_path / "task" / "home" / "secret").stat().st_mode & 0o777) == "0o600"
