"""The edge's nginx and agent for real, in front of two small origins that count what they are asked."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from edge import services
from edge.agent import Follower, make_app
from infra.local.ports import free_ports
from panocast.process import Service
from panocast.settings import load_settings
from tests.waiting import eventually

pytestmark = pytest.mark.slow

SEGMENT = "/hls/cam_640/1000.ts"
PLAYLIST = "/hls/cam.m3u8"


class Origin:
    """An origin as the edge sees one: files by path, and a count of the requests for each."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.files: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self.port = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked[request.path] += 1
        if request.path == "/live.json":
            live = [{"name": "cam", "url": PLAYLIST, "since": "s", "origin": self.role}] if self.files else []
            return web.json_response({"live": live, "refused": []})
        await asyncio.sleep(0.05)
        headers = {"X-Origin": self.role, "Cache-Control": "no-store"}
        if request.path not in self.files:
            return web.Response(status=404, headers=headers)
        headers["Cache-Control"] = "max-age=1" if request.path.endswith("m3u8") else "public, max-age=3600"
        return web.Response(body=self.files[request.path], headers=headers)

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[Origin]:
        runner = web.ServerRunner(web.Server(self))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()


class Edge:
    """A running edge and the two origins behind it."""

    def __init__(self, url: str, state: Path, primary: Origin, backup: Origin, session: aiohttp.ClientSession) -> None:
        self.url, self.state, self.primary, self.backup, self.session = url, state, primary, backup, session
        self.primary_down: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)

    async def get(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        async with self.session.get(f"{self.url}{path}") as response:
            return response.status, await response.read(), dict(response.headers)


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Edge]:
    async with AsyncExitStack() as stack:
        primary_stack = await stack.enter_async_context(AsyncExitStack())
        primary = await primary_stack.enter_async_context(Origin("primary").serving())
        backup = await stack.enter_async_context(Origin("backup").serving())
        http_port, agent_port = free_ports(2)
        overrides: dict[str, str | int] = {
            "http_port": http_port,
            "agent_port": agent_port,
            "primary": f"http://127.0.0.1:{primary.port}",
            "backup": f"http://127.0.0.1:{backup.port}",
        }
        settings = load_settings(tmp_path, overrides={"bind": "127.0.0.1", "edge": overrides})
        nginx = Service((await services.commands(settings))[0])
        running = asyncio.create_task(nginx.run())
        follower = Follower({"primary": settings.edge.primary, "backup": str(settings.edge.backup)})
        agent = web.AppRunner(make_app(follower))
        await agent.setup()
        await web.TCPSite(agent, "127.0.0.1", agent_port).start()
        session = await stack.enter_async_context(aiohttp.ClientSession())
        edge = Edge(f"http://127.0.0.1:{http_port}", tmp_path, primary, backup, session)
        edge.primary_down = primary_stack.aclose

        async def healthy() -> bool:
            try:
                return (await edge.get("/healthz"))[0] == 200
            except aiohttp.ClientError:
                return False

        try:
            await eventually(healthy)
            yield edge
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await agent.cleanup()


async def test_a_segment_is_asked_of_the_origin_once_whatever_the_query_says(edge: Edge) -> None:
    edge.primary.files[SEGMENT] = b"x" * 100_000
    answers = await asyncio.gather(*(edge.get(f"{SEGMENT}?x={n}") for n in range(100)))
    assert all(status == 200 and len(body) == 100_000 for status, body, _ in answers)
    assert edge.primary.asked[SEGMENT] == 1
    status, _, headers = await edge.get(SEGMENT)
    assert (status, headers["X-Cache"], headers["X-Origin"]) == (200, "HIT", "primary")
    assert headers["Cache-Control"] == "public, max-age=3600"


async def test_a_404_from_before_the_start_is_not_kept(edge: Edge) -> None:
    for path in (PLAYLIST, SEGMENT):
        status, _, headers = await edge.get(path)
        assert (status, headers["Cache-Control"]) == (404, "no-store")
        edge.primary.files[path] = b"#EXTM3U\n"
        assert (await edge.get(path))[0] == 200


async def test_a_playlist_is_served_fresh(edge: Edge) -> None:
    for text in (b"one", b"two"):
        edge.primary.files[PLAYLIST] = text
        assert (await edge.get(PLAYLIST))[1] == text


async def test_the_backup_serves_only_what_the_primary_does_not(edge: Edge) -> None:
    edge.primary.files[PLAYLIST] = b"of the primary"
    edge.backup.files = {PLAYLIST: b"of the backup", SEGMENT: b"segment"}
    for _ in range(6):
        status, body, headers = await edge.get(PLAYLIST)
        assert (status, body, headers["X-Origin"]) == (200, b"of the primary", "primary")
    assert (await edge.get(SEGMENT))[2]["X-Origin"] == "backup"
    await edge.primary_down()
    status, body, headers = await edge.get(PLAYLIST)
    assert (status, body, headers["X-Origin"]) == (200, b"of the backup", "backup")


async def test_live_json_says_what_the_origins_say_and_falls_back_with_them(edge: Edge) -> None:
    async def origins() -> list[str]:
        return [s["origin"] for s in json.loads((await edge.get("/live.json"))[1])["live"]]

    edge.primary.files[PLAYLIST] = edge.backup.files[PLAYLIST] = b"#EXTM3U\n"

    async def told_by(role: str) -> bool:
        return await origins() == [role]

    await eventually(lambda: told_by("primary"))
    await edge.primary_down()
    await eventually(lambda: told_by("backup"))
    assert json.loads((await edge.get("/healthz"))[1])["origins"] == {"primary": "down", "backup": "up"}


async def test_vod_is_served_with_its_type_and_nothing_of_the_store_besides(edge: Edge) -> None:
    session = edge.state / "egress/vod/talk/20261120T084641Z-primary"
    (session / "1920").mkdir(parents=True)
    for name in ("master.m3u8", "asset.json", "1920/0001-000.m4s"):
        (session / name).write_text("{}")
    (edge.state / "egress/work/talk").mkdir(parents=True)
    (edge.state / "egress/work/talk/secret.json").write_text("{}")
    (edge.state / "egress/vod/catalog.json").write_text('{"vod": []}')
    base = "/vod/talk/20261120T084641Z-primary"
    expected = {
        f"{base}/master.m3u8": ("application/vnd.apple.mpegurl", "no-cache"),
        f"{base}/asset.json": ("application/json", "no-cache"),
        f"{base}/1920/0001-000.m4s": ("video/iso.segment", "public, max-age=86400, immutable"),
        "/vod/catalog.json": ("application/json", "no-cache"),
    }
    for path, (media_type, cache) in expected.items():
        status, _, headers = await edge.get(path)
        assert (status, headers["Content-Type"].split(";")[0], headers["Cache-Control"]) == (200, media_type, cache)
    assert (await edge.get("/work/talk/secret.json"))[0] == 404
    assert (await edge.get("/vod/../work/talk/secret.json"))[0] == 404


HIDDEN = [
    "/stat",
    "/control/drop/publisher?app=live&name=cam",
    "/hooks/publish",
    "/metrics",
    "/agent",
    "/hls/",
    "/hls/cam_640/",
    "/hls/../stat",
    "/hls/..%2fstat",
    "/hls/%2e%2e/stat",
    "/hls/cam.m3u8/../../stat",
    "//stat",
    "/./stat",
    "/stat/",
    "/STAT",
    "/stat.m3u8",
    "/%73tat",
    "/hls/cam.m3u8%00.ts",
    "/vod/",
    "/vod/..%2f..%2fsecret",
    "/vod/talk/20261120T084641Z-primary/..%2f..%2f..%2f..%2fsecret",
    "/vendor/../csp.json",
    "/src/..%2f..%2fpyproject.toml",
    "/package.json",
    "/secret",
    "/nginx.conf",
]


@pytest.mark.parametrize("path", HIDDEN)
async def test_nothing_but_the_edges_own_paths_is_reachable(edge: Edge, path: str) -> None:
    (edge.state / "secret").write_text("the secret")
    everything = {"/stat", "/control/drop/publisher", "/hooks/publish", "/metrics", "/stat/"}
    edge.primary.files = dict.fromkeys(everything, b"inner")
    host, port = edge.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))  # a client library would tidy the path up
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.split()[1] in (b"404", b"400"), answer[:300]
    assert not set(edge.primary.asked) & everything


async def test_before_the_first_asset_the_catalog_is_an_empty_one(edge: Edge) -> None:
    status, body, headers = await edge.get("/vod/catalog.json")
    assert (status, json.loads(body), headers["Cache-Control"]) == (200, {"vod": []}, "no-cache")


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/style.css", "text/css"), ("/icon.svg", "image/svg+xml"), ("/src/main.js", "text/javascript")],
)
async def test_what_the_page_needs_is_served_with_its_type(edge: Edge, path: str, media_type: str) -> None:
    status, _, headers = await edge.get(path)
    assert (status, headers["Content-Type"].split(";")[0]) == (200, media_type)


async def test_the_page_has_its_headers(edge: Edge) -> None:
    status, body, headers = await edge.get("/?url=/hls/cam.m3u8")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<html" in body.lower()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]


async def test_only_reading_is_allowed(edge: Edge) -> None:
    async with edge.session.post(f"{edge.url}/live.json", data=b"x") as response:
        assert response.status == 405
