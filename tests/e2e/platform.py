"""`panocast up` as a user starts it: a process of its own, on free ports and a temporary state directory."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from infra.local.demo import publish_command
from panocast.keys import load_secret, stream_key
from panocast.process import Child
from panocast.testcard import Card
from tests.ports import free_ports

START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 10


@dataclass(slots=True)
class Platform:
    """A running platform: its process, the line that `--json` printed, and a session to ask its edge."""

    process: asyncio.subprocess.Process
    urls: Mapping[str, Any]
    state: Path
    http: aiohttp.ClientSession

    @property
    def web(self) -> str:
        """The edge's base URL."""
        host = urlsplit(self.urls["player"]).hostname
        return f"http://{'127.0.0.1' if host == 'localhost' else host}:{self.urls['http_port']}"

    def children(self) -> dict[str, int]:
        """The process ids of everything under the supervisor, as run.json says."""
        return dict(json.loads((self.state / "run.json").read_text())["children"])

    def publish_url(self, name: str, *, application: str = "live", key: str | None = None, backup: bool = False) -> str:
        """Where to publish `name`, with its right key unless another is given."""
        key = stream_key(load_secret(self.state / "secret"), name) if key is None else key
        port = self.urls["backup_rtmp_port" if backup else "rtmp_port"]
        return f"rtmp://127.0.0.1:{port}/{application}/{name}?key={key}"

    async def get(self, path: str) -> tuple[int, bytes]:
        """Ask the edge."""
        async with self.http.get(f"{self.web}{path}") as response:
            return response.status, await response.read()

    async def json(self, path: str) -> Any:
        """Ask the edge for JSON; None while it has none."""
        status, body = await self.get(path)
        return json.loads(body) if status == 200 else None

    async def live(self, name: str) -> Any:
        """A stream's entry in /live.json, or None."""
        told = await self.json("/live.json")
        return next((s for s in told["live"] if s["name"] == name), None) if told else None

    async def assets(self, name: str) -> list[Any]:
        """A name's entries in the catalog, newest first."""
        told = await self.json("/vod/catalog.json")
        return [a for a in told["vod"] if a["name"] == name] if told else []

    async def stop(self, within_s: float = STOP_TIMEOUT_S) -> int:
        """Ctrl-C; gives the exit code. A TimeoutError when it takes longer than `within_s`."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(within_s):
            return await self.process.wait()

    def logs(self) -> str:
        """Everything that the parts wrote to their logs."""
        return "\n".join(f"== {p.name}\n{p.read_text()}" for p in sorted((self.state / "log").glob("*.log*")))


def arguments(state: Path, extra: Sequence[str] = ()) -> list[str]:
    """An argv of `panocast up` on free ports."""
    http, rtmp, backup = free_ports(3)
    ports = ["--http-port", str(http), "--rtmp-port", str(rtmp), "--backup-rtmp-port", str(backup)]
    return [
        sys.executable,
        "-m",
        "infra.cli",
        "up",
        "--json",
        "--bind",
        "127.0.0.1",
        "--state",
        str(state),
        *ports,
        *extra,
    ]


@asynccontextmanager
async def platform(
    state: Path, *, argv: Sequence[str] | None = None, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Platform]:
    """Start a platform and stop it at the end; nothing of it is left running."""
    environment = {**os.environ, **{f"PANOCAST_{key}": value for key, value in (settings or {}).items()}}
    process = await asyncio.create_subprocess_exec(
        *(argv or arguments(state)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
        process_group=0,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_TIMEOUT_S), aiohttp.ClientSession() as http:
            line = await process.stdout.readline()
            assert line, "panocast up ended before it was ready"
            running = Platform(process, json.loads(line), state, http)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
            running.http = http
            yield running
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT_S * 2):
                    await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


class Publisher(Child):
    """An encoder that publishes a test card to `url` until it is stopped, or for `duration_s`; `frames` is how many it
    has sent."""

    def __init__(self, url: str, card: Card, duration_s: float | None = None) -> None:
        command = publish_command(url, card, duration_s)
        super().__init__(replace(command, argv=[*command.argv[:-1], "-progress", "pipe:1", url]), on_stdout=self._note)
        self.frames = 0

    def _note(self, line: str) -> None:
        if line.startswith("frame="):
            self.frames = int(line.removeprefix("frame="))

    async def finish(self) -> int:
        """Send what is made, and end; gives the frames that were sent in all."""
        await self.stop(grace_s=30)
        return self.frames


@asynccontextmanager
async def publishing(url: str, card: Card, duration_s: float | None = None) -> AsyncIterator[Publisher]:
    """A test card published to `url` until the block ends or `duration_s` is over."""
    publisher = Publisher(url, card, duration_s)
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop(grace_s=3)
