"""A running edge for tests: nginx for real, the agent in this process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import m3u8
from aiohttp import web

from edge import services
from edge.agent import Agent
from panocast.service import Service
from panocast.settings import Settings, as_environment, load_settings
from tests.ports import free_ports
from tests.waiting import eventually


class Edge:
    """A running edge: its URL, its settings, a session to ask it with, and what its nginx said."""

    def __init__(
        self, settings: Settings, session: aiohttp.ClientSession, make_agent: Callable[[Settings], Agent]
    ) -> None:
        self.settings = settings
        self.session = session
        self.url = f"http://127.0.0.1:{settings.edge.http_port}"
        self.agent_url = f"http://127.0.0.1:{settings.edge.agent_port}"
        self.said: list[str] = []
        self._make_agent = make_agent
        self._agent: web.AppRunner | None = None

    async def get(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers."""
        async with self.session.get(f"{self.url}{path}") as response:
            return response.status, await response.read(), dict(response.headers)

    async def raw(self, path: str) -> bytes:
        """The answer to a path as it stands; a client library would tidy it up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.settings.edge.http_port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer

    async def playlist(self, path: str) -> m3u8.M3U8 | None:
        """A playlist, or None while there is none."""
        status, body, _ = await self.get(path)
        return m3u8.loads(body.decode()) if status == 200 else None

    async def healthy(self) -> bool:
        """Whether /healthz says so."""
        try:
            return (await self.get("/healthz"))[0] == 200
        except aiohttp.ClientError:
            return False

    async def start_agent(self) -> None:
        """Start the agent, here."""
        self._agent = web.AppRunner(self._make_agent(self.settings).app(), shutdown_timeout=0.1)
        await self._agent.setup()
        await web.TCPSite(self._agent, "127.0.0.1", self.settings.edge.agent_port, backlog=4096).start()

    async def stop_agent(self) -> None:
        """Stop the agent; nginx goes on."""
        if self._agent:
            await self._agent.cleanup()
            self._agent = None


@asynccontextmanager
async def running_edge(
    state: Path,
    *,
    agent: Callable[[Settings], Agent] = services.make_agent,
    apart: bool = False,
    shared: Mapping[str, str] | None = None,
    edge: Mapping[str, str | int | float] | None = None,
) -> AsyncIterator[Edge]:
    """An edge with these settings (`shared` ones, and those of its own section) on free ports; its agent in a process
    of its own where it is to be `apart`."""
    http_port, agent_port = free_ports(2)
    own = {"http_port": http_port, "agent_port": agent_port, **(edge or {})}
    overrides: dict[str, Any] = {"bind": "127.0.0.1", **(shared or {}), "edge": own}
    settings = load_settings(state, overrides=overrides)
    commands = await services.commands(settings)
    environment = {**os.environ, **as_environment(overrides)}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        running = Edge(settings, session, agent)
        children = [replace(command, env=environment) for command in (commands if apart else commands[:1])]
        tasks = [asyncio.create_task(Service(child, on_stderr=running.said.append).run()) for child in children]
        try:
            if not apart:
                await running.start_agent()
            await eventually(running.healthy)
            yield running
        finally:
            await running.stop_agent()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
