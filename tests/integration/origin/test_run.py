"""`panocast origin run`, as systemd runs it: two siblings under one supervisor, and nothing left at the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from panocast.keys import load_secret, stream_key
from panocast.process import Command, run
from tests.integration.origin.encoder import argv, publishing
from tests.integration.origin.running import PORTS
from tests.ports import free_ports
from tests.waiting import eventually

pytestmark = pytest.mark.slow


async def children(pid: int, word: str) -> list[int]:
    """The processes below `pid` whose command line has `word`."""
    lines = [line.split(None, 2) for line in await run(Command("ps", ["ps", "-ww", "-eo", "pid=,ppid=,args="]))]
    return [int(child) for child, parent, args in lines if int(parent) == pid and word in args]


@asynccontextmanager
async def supervisor_of(state: Path, ports: dict[str, int]) -> AsyncIterator[Process]:
    """`origin run` on these ports; what it says goes to the file `said`."""
    env = {f"PANOCAST_ORIGIN__{key.upper()}": str(port) for key, port in ports.items()}
    argv = [sys.executable, "-m", "origin", "run", "--state", str(state)]
    with (state / "said").open("wb") as said:
        process = await create_subprocess_exec(
            *argv, stdin=DEVNULL, stderr=said, env={**os.environ, **env, "PANOCAST_BIND": "127.0.0.1"}
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def test_a_killed_sibling_comes_back_and_sigterm_ends_all(tmp_path: Path) -> None:
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    async with supervisor_of(tmp_path, ports) as supervisor, aiohttp.ClientSession() as http:

        async def live() -> list[str] | None:
            with contextlib.suppress(aiohttp.ClientError, json.JSONDecodeError):
                async with http.get(f"http://127.0.0.1:{ports['http_port']}/live.json") as response:
                    return [entry["name"] for entry in json.loads(await response.read())["live"]]
            return None

        async def answers() -> bool:
            return await live() is not None

        await eventually(answers, within_s=90)
        url = (
            f"rtmp://127.0.0.1:{ports['rtmp_port']}/live/cam?key={stream_key(load_secret(tmp_path / 'secret'), 'cam')}"
        )

        for victim in ("agent", "nginx"):
            async with publishing(argv(url)) as encoder:
                await eventually(live, within_s=90)
                (pid,) = await children(supervisor.pid, victim)
                os.kill(pid, signal.SIGKILL)

                async def another(gone: int = pid, name: str = victim) -> bool:
                    return (await children(supervisor.pid, name)) not in ([], [gone])

                await eventually(another, within_s=60)
                await eventually(answers, within_s=60)
                if victim == "agent":
                    assert encoder.returncode is None, "the encoder lost its connection"
        async with publishing(argv(url)):
            await eventually(live, within_s=90)
            supervisor.terminate()
            async with asyncio.timeout(60):
                assert await supervisor.wait() == 0
        said = (tmp_path / "said").read_text()
        assert "cam: published, session" in said
        assert "Traceback" not in said, said
        assert not [line for line in await run(Command("ps", ["ps", "-ww", "-eo", "args="])) if str(tmp_path) in line]
