"""`panocast aws ready`: whether a machine does what it is there for, for the start script and the stack."""

from __future__ import annotations

import asyncio

import aiohttp

from infra.aws.report import endpoints
from panocast.settings import Settings


async def is_ready(role: str, settings: Settings) -> bool:
    """Whether the service of a role answers: RTMP and the agent, viewers' /healthz, the worker's figures."""
    if role == "edge":
        return await _answers(f"http://127.0.0.1:{settings.edge.http_port}/healthz")
    if role == "origin" and not await _accepts(settings.origin.rtmp_port):
        return False
    return await _answers(endpoints(role, settings))


async def _answers(url: str) -> bool:
    try:
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _accepts(port: int) -> bool:
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
