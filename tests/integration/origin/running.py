"""A real origin for tests: nginx and its agent as they run in production, on free ports, in a folder of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import m3u8

from origin.agent import serving, wall_ms
from origin.paths import OriginPaths, origin_paths
from origin.services import commands
from panocast.feed import Feed, FeedSegment
from panocast.keys import load_secret, open_keys
from panocast.process import Command
from panocast.settings import OriginSettings, Settings, StreamSettings
from tests.ports import free_ports
from tests.processes import live_ffmpegs
from tests.waiting import eventually

PORTS = ("rtmp_port", "http_port", "agent_port", "stat_port", "show_port")


@dataclass
class Server:
    """One process of the origin; what it says goes to a file, raw."""

    command: Command
    log: Path
    env: dict[str, str]
    process: Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = await create_subprocess_exec(
                *self.command.full_argv(), stdin=DEVNULL, stdout=out, stderr=out, process_group=0, env=self.env
            )

    async def kill(self) -> None:
        """SIGKILL, to the process and (as the supervisor does) to what it leaves of its group."""
        assert self.process
        self.process.kill()
        await self.process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM; a TimeoutError for what does not end by it, and its end all the same."""
        assert self.process
        try:
            if self.process.returncode is None:
                self.process.terminate()
                async with asyncio.timeout(60):
                    await self.process.wait()
        finally:
            await self.kill_rest()

    async def kill_rest(self) -> None:
        assert self.process
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()


@dataclass
class Inside:
    """The agent within the test's own process, with a clock of its own; it can be neither killed nor started again."""

    settings: Settings
    log: Path
    ahead_s: float
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def start(self) -> None:
        self.log.touch()
        agent = await self._stack.enter_async_context(
            serving(self.settings, now_ms=lambda: wall_ms() + round(self.ahead_s * 1000))
        )
        running = asyncio.create_task(agent.run())

        async def end() -> None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        self._stack.push_async_callback(end)

    async def stop(self) -> None:
        await self._stack.aclose()


@dataclass
class Origin:
    """A running origin: where it is, and what tests ask of it."""

    settings: Settings
    nginx: Server
    agent: Server
    http: aiohttp.ClientSession

    @property
    def paths(self) -> OriginPaths:
        return origin_paths(self.settings.state, self.settings.origin.role)

    @property
    def ingest(self) -> Path:
        return self.settings.state / "ingest"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.settings.origin.http_port}"

    def key(self, name: str) -> str:
        return open_keys(self.settings).key(name)

    def url(self, name: str, *, app: str = "live", key: str | None = None) -> str:
        """The RTMP URL that publishes `name`, with its key unless told another."""
        return f"rtmp://127.0.0.1:{self.settings.origin.rtmp_port}/{app}/{name}?key={key or self.key(name)}"

    async def get(self, path: str) -> tuple[int, str, dict[str, str]]:
        async with self.http.get(self.http_url + path) as response:
            return response.status, await response.text(errors="replace"), dict(response.headers)

    async def file(self, path: str) -> tuple[int, bytes]:
        """What is at a path, as it is."""
        async with self.http.get(self.http_url + path) as response:
            return response.status, await response.read()

    async def feed(self, name: str, after: str | None = None) -> Feed | None:
        """What it tells its peer and edges of a stream."""
        status, body = await self.file(f"/feed/{name}" + (f"?after={after}" if after else ""))
        return Feed.model_validate_json(body) if status == 200 else None

    async def segments(self, name: str, width: int, at_least: int = 1) -> list[FeedSegment]:
        """The segments that a rung has, once there are some."""

        async def there() -> list[FeedSegment]:
            feed = await self.feed(name)
            found = [segment for segment in feed.segments if width in segment.rungs] if feed else []
            return found if len(found) >= at_least else []

        return await eventually(there, within_s=90)

    async def figure(self, name: str) -> float | None:
        """One of the agent's metrics, named with its labels; None while it is not told."""
        async with self.http.get(f"http://127.0.0.1:{self.settings.origin.agent_port}/metrics") as response:
            lines = (await response.text()).splitlines()
        return next((float(line.removeprefix(name)) for line in lines if line.startswith(f"{name} ")), None)

    async def holes(self, name: str, width: int) -> list[int]:
        """The numbers that a rung lacks between its first and its newest segment."""
        feed = await self.feed(name)
        assert feed
        there = [segment.number for segment in feed.segments if width in segment.rungs]
        return [n for n in range(there[0], there[-1]) if n not in there]

    async def media(self, name: str, width: int, segment: FeedSegment, folder: Path) -> Path:
        """A segment of a rung behind its init segment, as a file."""
        path = folder / f"{width}-{segment.number}.mp4"
        (_, init), (_, data) = [
            await self.file(f"/hls/{name}_{width}/{file}") for file in (segment.rungs[width].init, segment.name)
        ]
        path.write_bytes(init + data)
        return path

    async def live(self) -> dict[str, Any]:
        """What /live.json says, asked for until somebody answers."""

        async def said() -> dict[str, Any] | None:
            with contextlib.suppress(aiohttp.ClientError):
                status, text, _ = await self.get("/live.json")
                return dict(json.loads(text)) if status == 200 else None
            return None

        found: dict[str, Any] | None = await eventually(said, within_s=90)
        assert found
        return found

    async def entry(self, name: str) -> dict[str, Any] | None:
        return next((e for e in (await self.live())["live"] if e["name"] == name), None)

    async def refused(self, name: str) -> str | None:
        return next((e["reason"] for e in (await self.live())["refused"] if e["name"] == name), None)

    async def playable(self, name: str, rungs: list[int] | None = None) -> dict[str, Any]:
        """Wait until the stream is listed, and its playlist there; with these rungs, where it matters: a ladder that is
        late is not waited for."""

        async def listed() -> dict[str, Any] | None:
            entry = await self.entry(name)
            return entry if entry and rungs in (None, entry["rungs"]) else None

        entry: dict[str, Any] | None = await eventually(listed, within_s=90)
        assert entry
        return entry

    async def variants(self, name: str) -> list[m3u8.Playlist]:
        status, text, _ = await self.get(f"/hls/{name}.m3u8")
        assert status == 200
        return list(m3u8.loads(text).playlists)

    def ffmpegs(self) -> dict[str, int]:
        """The process ids of the agent's `passthrough` and `ladder`, as far as they run."""
        assert self.agent.process
        return live_ffmpegs(self.agent.process.pid)

    def recordings(self, name: str) -> list[Path]:
        """The sessions of a stream in the ingest store, oldest first."""
        return sorted((self.ingest / "recordings" / name).glob("*"))

    async def closed(self, name: str, count: int = 1) -> list[Path]:
        """Wait until `count` sessions have their end marker, and give their folders."""

        async def ended() -> list[Path]:
            found = [folder for folder in self.recordings(name) if (folder / "end.json").exists()]
            return found if len(found) >= count else []

        return await eventually(ended, within_s=90)

    def everything_said(self) -> str:
        """All that nginx and the agent ever wrote."""
        return self.nginx.log.read_text(errors="replace") + self.agent.log.read_text(errors="replace")

    async def ready(self) -> None:
        """Wait until nginx and the agent answer."""
        await self.live()


@asynccontextmanager
async def running_origin(
    state: Path,
    *,
    part_s: float = 4.0,
    role: str = "primary",
    bind: str = "127.0.0.1",
    streams: dict[str, StreamSettings] | None = None,
    environment: dict[str, str] | None = None,
    ahead_s: float = 0.0,
    **origin: Any,
) -> AsyncIterator[Origin]:
    """An origin in `state`; it is stopped at the end, and what it said is printed for a failed test to show.

    One whose clock is `ahead_s` of the machine's has its agent in this process."""
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    # Whatever room this machine has.
    values = {"role": role, "part_s": part_s, "disk_low_mb": 0, "disk_full_mb": 0, **ports, **origin}
    settings = Settings(state=state, bind=bind, origin=OriginSettings(**values), streams=streams or {})
    load_secret(settings.secret_path)
    env = {**os.environ, **{f"PANOCAST_ORIGIN__{key.upper()}": str(value) for key, value in values.items()}}
    env["PANOCAST_STREAMS"] = json.dumps(
        {name: each.model_dump(mode="json", exclude_none=True) for name, each in (streams or {}).items()}
    )
    env |= environment or {}
    nginx_command, agent_command = await commands(settings)
    inside = Inside(settings, state / "agent.log", ahead_s) if ahead_s else None
    async with aiohttp.ClientSession() as http:
        server = Origin(
            settings,
            Server(nginx_command, state / "nginx.log", dict(os.environ)),
            Server(agent_command, state / "agent.log", env),
            http,
        )
        await server.nginx.start()
        await (inside or server.agent).start()
        try:
            await server.ready()
            yield server
        finally:
            await asyncio.gather(server.nginx.stop(), (inside or server.agent).stop())
            print(server.everything_said())  # noqa: T201
