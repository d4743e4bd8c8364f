"""Guarantee 11: /stat and /control answer on loopback's own port, and by no spelling on the port that edges use."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.integration.origin.running import Origin, running_origin

pytestmark = pytest.mark.slow

PRIVATE = [
    "stat", "metrics", "control/drop/publisher?app=live&name=cam", "control/record/start", "hooks/publish",
    "hooks/play", "nginx.conf", "secret", "recordings/", "sessions/", "timelines/cam.json", "playlists/hls/cam.m3u8",
    "nginx.pid",
]  # fmt: skip
SPELLINGS = [
    "/{}", "//{}", "/./{}", "/hls/../{}", "/hls/..%2f{}", "/hls/%2e%2e/{}", "/hls/%2e%2e%2f{}", "/%2f{}", "/hls/..;/{}",
    "/testhls/../{}", "/testhls/..%5c{}", "/{}/", "/{}%00", "/{}%20", "/{}.m3u8", "/hls/{}", "/hls/..\\{}", "/{};a",
    "/live.json/../{}", "/live.json/{}", "/hls/../../{}", "/testhls/%2e%2e/%2e%2e/{}", "/STAT?{}", "*{}",
]  # fmt: skip
METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS"]


async def ask(origin: Origin, method: str, target: str, host: str = "127.0.0.1") -> tuple[int, bytes]:
    """One raw request, spelled exactly as given."""
    reader, writer = await asyncio.open_connection("127.0.0.1", origin.settings.origin.http_port)
    writer.write(f"{method} {target} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode("latin-1"))
    await writer.drain()
    answer = await reader.read()
    writer.close()
    status = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP/") else b"400"
    return int(status), answer


async def test_nothing_private_on_the_edges_port(tmp_path: Path) -> None:
    async with running_origin(tmp_path) as origin:
        for private in PRIVATE:
            for spelling in SPELLINGS:
                target = spelling.format(private).replace(" ", "%20")
                status, answer = await ask(origin, "GET", target)
                assert status in (400, 403, 404, 405), (target, status)
                for secret in (b"nginx_rtmp_version", b"worker_processes", b"panocast_", origin.key("cam").encode()):
                    assert secret not in answer, target
        for method in METHODS:
            assert (await ask(origin, method, "/stat"))[0] in (400, 403, 404, 405)
        stat_port = origin.settings.origin.stat_port
        assert (await ask(origin, "GET", f"http://127.0.0.1:{stat_port}/stat"))[0] == 404
        assert (await ask(origin, "GET", "/stat", host=f"127.0.0.1:{stat_port}"))[0] == 404
        async with origin.http.get(f"http://127.0.0.1:{stat_port}/stat") as response:
            assert b"nginx_rtmp_version" in await response.read(), "it does answer where it should"


def listening() -> dict[int, str]:
    """Who listens: port to address, as the kernel writes it."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = [words[1].split(":") for words in lines if words[3] == "0A"]
    return {int(port, 16): address for address, port in ends}


async def test_private_ports_listen_on_loopback_only(tmp_path: Path) -> None:
    async with running_origin(tmp_path, bind="0.0.0.0") as origin:
        bound = listening()
        assert bound[origin.settings.origin.rtmp_port] == "00000000"
        for port in ("stat_port", "agent_port", "show_port", "http_port"):
            assert bound[getattr(origin.settings.origin, port)] == "0100007F", port
