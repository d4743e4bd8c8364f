"""`panocast edge run`, as systemd starts it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from infra.local.ports import accepts
from tests.ports import free_ports
from tests.waiting import eventually

pytestmark = pytest.mark.slow


async def test_it_serves_until_sigterm_and_says_what_its_parts_say(tmp_path: Path) -> None:
    http_port, agent_port, origin_port = free_ports(3)
    environment = {
        "PANOCAST_EDGE__HTTP_PORT": str(http_port),
        "PANOCAST_EDGE__AGENT_PORT": str(agent_port),
        "PANOCAST_EDGE__LEAVE_S": "0",
        "PANOCAST_EDGE__PRIMARY": f"http://127.0.0.1:{origin_port}",  # nobody is there
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edge", "run", "--state", str(tmp_path)),
        env={**os.environ, **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{http_port}") as session:

            async def status(path: str) -> int:
                try:
                    async with session.get(path) as answer:
                        return answer.status
                except aiohttp.ClientError:
                    return 0

            async def healthy() -> bool:
                return await status("/healthz") == 200

            await eventually(healthy)
            assert await status("/hls/cam.m3u8") == 503
            assert await status("/testhls/cam.m3u8") == 502
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            _, said = await process.communicate()
        assert process.returncode == 0
        assert b"connect() failed" in said, "what nginx says is lost"
        assert not accepts(http_port)
        assert not accepts(agent_port)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
