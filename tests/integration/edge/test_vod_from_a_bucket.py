"""VOD through the edge where the egress store is a bucket: nginx asks the agent, which asks the store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from edge import services
from edge.agent import Follower, make_app
from infra.local.ports import free_ports
from panocast.process import Service
from panocast.settings import load_settings
from panocast.store_directory import DirectoryStore
from tests.waiting import eventually

pytestmark = pytest.mark.slow

MASTER = "/vod/talk/20261120T084641Z-upload/master.m3u8"


async def test_objects_are_handed_through_with_type_and_lifetime(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "bucket")
    store.put_bytes(MASTER[1:], b"#EXTM3U\n")
    store.put_bytes("vod/talk/20261120T084641Z-upload/1920/00001.m4s", b"m" * 1000)
    store.put_bytes("failed/secret.json", b"{}")
    http_port, agent_port = free_ports(2)
    overrides: dict[str, str | int] = {"http_port": http_port, "agent_port": agent_port}
    settings = load_settings(tmp_path, overrides={"bind": "127.0.0.1", "egress": "s3://some-bucket", "edge": overrides})
    nginx = asyncio.create_task(Service((await services.commands(settings))[0]).run())
    agent = web.AppRunner(make_app(Follower({}), egress=store))
    await agent.setup()
    try:
        await web.TCPSite(agent, "127.0.0.1", agent_port).start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{http_port}") as session:

            async def get(path: str) -> tuple[int, str, str, bytes]:
                async with session.get(path) as answer:
                    headers = answer.headers
                    return answer.status, answer.content_type, headers.get("Cache-Control", ""), await answer.read()

            async def served() -> bool:
                try:
                    return (await get("/healthz"))[0] == 200
                except aiohttp.ClientError:
                    return False

            await eventually(served)
            assert await get(MASTER) == (200, "application/vnd.apple.mpegurl", "no-cache", b"#EXTM3U\n")
            segment = await get(MASTER.replace("master.m3u8", "1920/00001.m4s"))
            assert segment == (200, "video/iso.segment", "public, max-age=86400, immutable", b"m" * 1000)
            store.put_bytes(MASTER[1:], b"#EXTM3U\n#replaced\n")
            assert (await get(MASTER))[3].endswith(b"#replaced\n"), "a description that may be replaced was kept"
            assert (await get(MASTER.replace("talk", "none")))[0::2] == (404, "no-store")
            assert (await get("/vod/../failed/secret.json"))[0] == 404
            assert (await get("/vod/..%2ffailed/secret.json"))[0] == 404
    finally:
        nginx.cancel()
        await asyncio.gather(nginx, return_exceptions=True)
        await agent.cleanup()
