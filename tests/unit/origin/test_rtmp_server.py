"""What nginx-rtmp is asked."""

from __future__ import annotations

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from origin.rtmp_server import RtmpServer


async def test_a_publisher_is_dropped_by_name_or_this_connection_alone() -> None:
    asked: list[str] = []

    async def drop(request: web.Request) -> web.Response:
        asked.append(request.query_string)
        return web.Response(text="1")

    app = web.Application()
    app.add_routes([web.get("/control/drop/publisher", drop)])
    async with TestServer(app) as nginx, aiohttp.ClientSession() as session:
        assert nginx.port
        server = RtmpServer(session, nginx.port)
        await server.drop_publisher("live", "a&b")
        await server.drop_publisher("live", "cam", 7)
    assert asked == ["app=live&name=a%26b", "app=live&name=cam&clientid=7"]
