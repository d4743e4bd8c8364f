"""Leaving: an edge that is told to stop fails its health check first, and finishes what it sends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from infra.local.ports import accepts
from tests.imds import Metadata, metadata_server
from tests.ports import free_ports
from tests.waiting import eventually

pytestmark = pytest.mark.slow

SEGMENT = "/vod/talk/20261120T084641Z-primary/1920/00001.m4s"
SIZE = 30_000_000
ON_AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "PANOCAST_EDGE__TARGET_GROUP_ARN": "arn:of:edges",
}


class Running:
    """`panocast edge run`, as systemd starts it."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, session: aiohttp.ClientSession) -> None:
        self.process, self.port, self.session = process, port, session

    async def status(self, path: str) -> int:
        """The status of an answer; 0 where there is none."""
        try:
            async with self.session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0

    async def healthy(self) -> bool:
        """Whether /healthz says so."""
        return await self.status("/healthz") == 200

    async def failing(self) -> bool:
        """Whether /healthz says that it is not."""
        return await self.status("/healthz") == 503

    async def ended(self) -> int:
        """The exit code."""
        async with asyncio.timeout(60):
            return await self.process.wait()


@asynccontextmanager
async def edge_run(state: Path, environment: Mapping[str, str]) -> AsyncIterator[Running]:
    http_port, agent_port, origin_port = free_ports(3)
    variables = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "PANOCAST_EDGE__HTTP_PORT": str(http_port),
        "PANOCAST_EDGE__AGENT_PORT": str(agent_port),
        "PANOCAST_EDGE__PRIMARY": f"http://127.0.0.1:{origin_port}",
        **environment,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edge", "run", "--state", str(state)), env={**os.environ, **variables}
    )
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        running = Running(process, http_port, session)
        try:
            await eventually(running.healthy)
            yield running
        finally:
            if process.returncode is None:
                process.terminate()
                process.terminate()
                await process.wait()


async def test_what_is_being_sent_when_the_edge_is_told_to_stop_is_finished(tmp_path: Path) -> None:
    file = tmp_path / f"egress{SEGMENT}"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"m" * SIZE)
    async with edge_run(tmp_path, {"PANOCAST_EDGE__LEAVE_S": "1"}) as edge:
        async with edge.session.get(f"http://127.0.0.1:{edge.port}{SEGMENT}") as slow:
            received = len(await slow.content.read(1000))
            edge.process.send_signal(signal.SIGTERM)
            await eventually(lambda: not accepts(edge.port))
            assert edge.process.returncode is None
            received += len(await slow.read())
        assert received == SIZE
        assert await edge.ended() == 0


async def test_an_edge_that_leaves_serves_who_still_comes_and_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    async with edge_run(tmp_path, {"PANOCAST_EDGE__LEAVE_S": "90"}) as edge:
        edge.process.send_signal(signal.SIGTERM)
        await eventually(edge.failing)
        assert await edge.status("/vod/catalog.json") == 200, "viewers that a balancer still sends are turned away"
        edge.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await edge.process.wait() == 0


@pytest.fixture
async def metadata() -> AsyncIterator[Metadata]:
    async with metadata_server() as metadata:
        yield metadata


async def test_a_spot_notice_takes_it_out_of_its_target_group(tmp_path: Path, metadata: Metadata) -> None:
    async with balancer() as (url, asked, let_go):
        environment = {
            **metadata.environment,
            **ON_AWS,
            "AWS_ENDPOINT_URL": url,
            "PANOCAST_EDGE__LEAVE_S": "0",
        }
        async with edge_run(tmp_path, environment) as edge:
            metadata.interrupt()
            await eventually(edge.failing)
            await eventually(lambda: "DescribeTargetHealth" in asked)
            assert accepts(edge.port), "the door closed before the balancer had let go"
            let_go.set()
            assert await edge.ended() == 0
    machine = metadata.says["instance-id"]
    assert asked == {"DeregisterTargets": machine, "DescribeTargetHealth": machine}


async def test_an_api_that_does_not_answer_keeps_no_edge_from_ending(tmp_path: Path, metadata: Metadata) -> None:
    silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(0), "127.0.0.1", 0)
    environment = {
        **metadata.environment,
        **ON_AWS,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}",
        "PANOCAST_EDGE__LEAVE_S": "0",
        "PANOCAST_EDGE__DRAIN_S": "12",  # of which two are for the balancer
    }
    async with silent, edge_run(tmp_path, environment) as edge:
        edge.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(50):
            assert await edge.process.wait() == 0


@asynccontextmanager
async def balancer() -> AsyncIterator[tuple[str, dict[str, str], asyncio.Event]]:
    """Elastic Load Balancing, as far as an edge needs it: its URL, the target of each action it was asked for, and what
    makes it let go: until then, targets drain."""
    asked: dict[str, str] = {}
    let_go = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.Response:
        form = await request.post()
        action = str(form["Action"])
        health = "" if let_go.is_set() else "<member><TargetHealth><State>draining</State></TargetHealth></member>"
        asked[action] = str(form["Targets.member.1.Id"])
        listed = f"<TargetHealthDescriptions>{health}</TargetHealthDescriptions>"
        return web.Response(
            text=f"<{action}Response><{action}Result>{listed}</{action}Result></{action}Response>",
            content_type="text/xml",
        )

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked, let_go
    finally:
        await runner.cleanup()
