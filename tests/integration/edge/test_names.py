"""An origin that comes back under another address, as machines of a cloud do; a certificate that is renewed."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from edge import services
from edge.config import edge_paths
from infra.local.certificate import own_certificate
from panocast.service import Service
from panocast.settings import load_settings
from tests.ports import free_ports
from tests.waiting import eventually

pytestmark = pytest.mark.slow


async def test_an_origin_is_found_once_its_name_is_there_and_nginx_can_be_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def playlist(_: web.Request) -> web.Response:
        return web.Response(text="#EXTM3U\n", content_type="application/vnd.apple.mpegurl")

    app = web.Application()
    app.router.add_get("/testhls/test.m3u8", playlist)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    http_port, agent_port = free_ports(2)
    own: dict[str, str | int] = {
        "http_port": http_port,
        "agent_port": agent_port,
        "primary": f"http://origin.invalid:{runner.addresses[0][1]}",
    }
    settings = load_settings(tmp_path, overrides={"bind": "127.0.0.1", "edge": own})
    nginx = Service((await services.commands(settings))[0])
    names: dict[str, str] = {}
    tasks = [
        asyncio.create_task(nginx.run()),
        asyncio.create_task(services.follow_names(settings, nginx, names.get, every_s=0.1)),
    ]
    try:
        async with aiohttp.ClientSession() as http:

            async def status() -> int | None:
                try:
                    async with http.get(f"http://127.0.0.1:{http_port}/testhls/test.m3u8") as response:
                        return response.status
                except aiohttp.ClientError:
                    return None

            async def answers(expected: set[int]) -> bool:
                return await status() in expected

            await eventually(lambda: answers({502, 503, 504}))
            in_the_way = edge_paths(settings).config.with_suffix(".new")
            in_the_way.mkdir()
            names["origin.invalid"] = "127.0.0.1"
            await eventually(lambda: "cannot be told" in caplog.text)
            in_the_way.rmdir()
            await eventually(lambda: answers({200}))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await runner.cleanup()


async def test_a_certificate_that_is_renewed_is_served_from_then_on(tmp_path: Path) -> None:
    old, new = (own_certificate(tmp_path / name) for name in ("old", "new"))
    http_port, agent_port, https_port = free_ports(3)
    own: dict[str, str | int] = {"http_port": http_port, "agent_port": agent_port, "https_port": https_port}
    own |= {"tls_cert": str(old.certificate), "tls_key": str(old.key)}
    settings = load_settings(tmp_path, overrides={"bind": "127.0.0.1", "edge": own})
    nginx = Service((await services.commands(settings))[0])
    tasks = [
        asyncio.create_task(nginx.run()),
        asyncio.create_task(services.follow_names(settings, nginx, lambda _: "127.0.0.1", every_s=0.1)),
    ]

    certificates = old.certificate.read_text(), new.certificate.read_text()

    async def serves(certificate: str) -> bool:
        with suppress(OSError):
            told = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", https_port), timeout=5)
            return told == certificate
        return False

    try:
        await eventually(lambda: serves(certificates[0]))
        new.key.replace(old.key)
        new.certificate.replace(old.certificate)
        await eventually(lambda: serves(certificates[1]))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
