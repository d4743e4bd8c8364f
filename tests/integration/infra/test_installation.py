"""The rendered installation really runs: settings and environment out of each role's user data, the commands out of the
systemd units, against moto. RTMP in, S3, SQS, worker, S3, played through the edge."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edge.config import PLAYER
from infra.aws.artifacts import HERE
from infra.aws.ready import is_ready
from infra.aws.rendering import render_templates
from infra.aws.template import parse
from infra.local.demo import publish_command
from panocast.keys import stream_key
from panocast.ladder import Size
from panocast.process import Child, Command
from panocast.settings import load_settings
from panocast.testcard import Card
from tests.aws import AwsServer
from tests.integration.infra.user_data import VALUES, user_data, write_files
from tests.media import frame_times
from tests.ports import free_ports
from tests.waiting import eventually

pytestmark = pytest.mark.slow

NAME, SECRET = "my-event", "a-secret-of-the-deployment"
EVENT_S, FPS = 6.0, 15


def wire(aws: AwsServer, bucket: str, queue: str) -> None:
    """Tell the queue of new objects, as the storage template says."""
    texts = render_templates(csp="", template_url=lambda name: name)
    resource = parse(texts["storage"])["Resources"]["IngestBucket"]["Properties"]["NotificationConfiguration"]
    arn = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    told = [
        {
            "QueueArn": arn,
            "Events": [each["Event"]],
            "Filter": {"Key": {"FilterRules": each["Filter"]["S3Key"]["Rules"]}},
        }
        for each in resource["QueueConfigurations"]
    ]
    aws.client("s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": told}
    )


def exec_start(role: str, state: Path, config: Path) -> list[str]:
    """What systemd would start, with this machine's paths."""
    unit = (HERE / "instance" / "units" / f"panocast-{role}.service").read_text()
    (line,) = [line.removeprefix("ExecStart=") for line in unit.splitlines() if line.startswith("ExecStart=")]
    programs = Path(sys.executable).parent
    for there, here in (
        ("/opt/panocast/bin", programs),
        ("/var/lib/panocast", state),
        ("/etc/panocast/panocast.toml", config),
    ):
        assert there in line
        line = line.replace(there, str(here))
    return shlex.split(line)


def prepare(role: str, folder: Path, values: Mapping[str, str]) -> tuple[Path, dict[str, Path]]:
    """A machine's state directory and its files, as cloud-init and start.sh leave them."""
    state = folder / "state"
    state.mkdir(parents=True)
    if role == "origin":  # as start.sh takes it from SSM
        (state / "secret").write_text(f"{SECRET}\n")
    return state, write_files(user_data(role, values), folder)


@asynccontextmanager
async def machine(
    role: str, folder: Path, values: Mapping[str, str], environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """One machine's service, from its user data; until it is ready by what start.sh asks."""
    state, files = prepare(role, folder, values)
    stack_env = dict(line.split("=", 1) for line in files["stack.env"].read_text().splitlines())
    env = {**os.environ, **stack_env, **environment}
    said: list[str] = []
    child = Child(Command(role, exec_start(role, state, files["panocast.toml"]), env=env), on_stderr=said.append)
    await child.start()
    try:
        with monkeypatch.context() as here:
            for key, value in environment.items():
                here.setenv(key, value)
            settings = load_settings(state, files["panocast.toml"])
        await eventually(lambda: is_ready(role, settings), within_s=120, every_s=0.3)
        yield
    except BaseException:
        sys.stderr.write("\n".join([f"== {role}", *said[-40:], ""]))
        raise
    finally:
        await child.stop(grace_s=15)


async def test_an_event_goes_live_and_becomes_video_on_demand(
    aws: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest, egress, queue = aws.bucket(), aws.bucket(), aws.queue()
    wire(aws, ingest, queue)
    values = {**VALUES, "IngestBucket": ingest, "EgressBucket": egress, "QueueUrl": queue}
    rtmp, origin_http, *others = free_ports(8)
    edge_http = others[3]
    # The ports of a machine of one's own are taken here, and there are no names in Route 53.
    ports = {
        "PANOCAST_BIND": "127.0.0.1",
        "PANOCAST_ORIGIN__RTMP_PORT": str(rtmp),
        "PANOCAST_ORIGIN__HTTP_PORT": str(origin_http),
        "PANOCAST_ORIGIN__AGENT_PORT": str(others[0]),
        "PANOCAST_ORIGIN__STAT_PORT": str(others[1]),
        "PANOCAST_ORIGIN__SHOW_PORT": str(others[2]),
        "PANOCAST_EDGE__HTTP_PORT": str(edge_http),
        "PANOCAST_EDGE__AGENT_PORT": str(others[4]),
        "PANOCAST_EDGE__PRIMARY": f"http://127.0.0.1:{origin_http}",
        "PANOCAST_EDGE__PLAYER": str(PLAYER),
        "PANOCAST_TRANSCODER__METRICS_PORT": str(others[5]),
    }
    environment = {**aws.environment, **ports}
    web = f"http://127.0.0.1:{edge_http}"
    async with AsyncExitStack() as stack, aiohttp.ClientSession() as http:

        async def get(path: str) -> bytes | None:
            async with http.get(web + path) as response:
                return await response.read() if response.status == 200 else None

        async def asset() -> Any:
            text = await get("/vod/catalog.json")
            return next(iter(json.loads(text)["vod"]), None) if text else None

        for role in ("origin", "edge", "worker"):
            await stack.enter_async_context(machine(role, tmp_path / role, values, environment, monkeypatch))
        assert await get("/index.html") or await get("/"), "the player is served"
        url = f"rtmp://127.0.0.1:{rtmp}/live/{NAME}?key={stream_key(SECRET.encode(), NAME)}"
        card = Card(size=Size(640, 320), fps=FPS, gop_s=1.0)
        encoder = Child(publish_command(url, card, EVENT_S))
        await encoder.start()
        try:
            await eventually(lambda: get(f"/hls/{NAME}.m3u8"), every_s=0.3)
            assert await asyncio.wait_for(encoder.wait(), 120) == 0
        finally:
            await encoder.stop(grace_s=3)
        found = await eventually(asset, within_s=180, every_s=0.5)
        assert found["name"] == NAME
        times = await frame_times(f"{web}{found['url']}")
        assert len(times) == EVENT_S * FPS
        stored = aws.client("s3").list_objects_v2(Bucket=egress, Prefix=f"vod/{NAME}/")
        assert stored["KeyCount"] > 3

        def queued() -> int:
            names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            told = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
            return sum(int(told[name]) for name in names)

        await eventually(lambda: queued() == 0)  # the asset is listed before its last message goes
