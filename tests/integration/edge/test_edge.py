"""What an edge serves besides live streams, and what it does not: nginx and agent for real."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from panocast.layout import Session
from tests.integration.edge.fake_origin import FakeOrigin, Program
from tests.integration.edge.running import Edge, running_edge
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def origin() -> AsyncIterator[FakeOrigin]:
    async with FakeOrigin("primary").serving() as origin:
        yield origin


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(state: Path, origin: FakeOrigin) -> AsyncIterator[Edge]:
    async with running_edge(state, edge={"live": "mirror", "primary": origin.url}) as edge:
        yield edge


async def test_before_the_first_asset_the_catalog_is_an_empty_one(edge: Edge, state: Path) -> None:
    (state / "egress/vod/catalog.json").unlink(missing_ok=True)
    status, body, headers = await edge.get("/vod/catalog.json")
    assert (status, json.loads(body), headers["Cache-Control"]) == (200, {"vod": []}, "no-cache")


async def test_vod_is_served_with_its_type_and_nothing_of_the_store_besides(edge: Edge, state: Path) -> None:
    session = state / "egress/vod/talk/20261120T084641Z-primary"
    (session / "1920").mkdir(parents=True)
    for name in ("master.m3u8", "asset.json", "1920/0001-000.m4s"):
        (session / name).write_text("{}")
    unfinished = Session("talk", "20261120T084641Z-primary").work_prefix
    (state / "egress" / unfinished).mkdir(parents=True)
    (state / "egress" / unfinished / "secret.json").write_text("{}")
    (state / "egress/vod/catalog.json").write_text('{"vod": []}')
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
    assert (await edge.get(f"/{unfinished}secret.json"))[0] == 404
    assert (await edge.get(f"/vod/../{unfinished}secret.json"))[0] == 404


async def test_a_part_of_a_file_that_is_not_there_is_kept_by_nobody(edge: Edge, state: Path) -> None:
    path = "vod/parts/20261120T084641Z-primary/1920/0001-000.m4s"
    (state / "egress" / path).parent.mkdir(parents=True)
    (state / "egress" / path).write_bytes(b"m" * 1000)
    found = {}
    for part in ("bytes=0-9", "bytes=5000-"):
        async with edge.session.get(f"{edge.url}/{path}", headers={"Range": part}) as response:
            found[response.status] = response.headers["Cache-Control"]
    assert found == {206: "no-cache", 416: "no-cache"}


async def test_another_pages_player_may_ask_for_a_part(edge: Edge) -> None:
    wish = {"Origin": "https://elsewhere.example", "Access-Control-Request-Headers": "range"}
    async with edge.session.options(f"{edge.url}/hls/cam.m3u8", headers=wish) as response:
        assert (response.status, response.headers["Access-Control-Allow-Headers"]) == (204, "Range")
        assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD"


HIDDEN = [
    "/stat",
    "/control/drop/publisher?app=live&name=cam",
    "/hooks/publish",
    "/metrics",
    "/metrics/",
    "/%6detrics",
    "/hls/..%2fmetrics",
    "/hls/cam_640/..%2f..%2fmetrics",
    "/drain",
    "/agent",
    "/feed/cam",
    "/feed/cam?after=1.2",
    "/hls/../feed/cam",
    "/hls/..%2ffeed%2fcam",
    "/mirrored/fresh/cam.m3u8",
    "/mirrored/fixed/cam_640/aaaaaaaa-1.m4s",
    "/mirrored/fixed/../../state/cam.json",
    "/mirrored/fixed/..%2fwatched.log",
    "/state/cam.json",
    "/watched.log",
    "/hls/watched.log",
    "/hls/.cam.m3u8.new",
    "/hls/cam_640/.index.m3u8.new",
    "/s/",
    "/s/1790000000-aaaaaaaaaaaaaaaaaaaaaa/hls/cam.m3u8",
    "/s/../metrics",
    "/s/1790000000-aaaaaaaaaaaaaaaaaaaaaa/..%2fmetrics",
    "/playback-secret",
    "/edge/nginx.conf",
    "/hls/",
    "/hls/cam_640/",
    "/hls/../stat",
    "/hls/..%2fstat",
    "/hls/%2e%2e/stat",
    "/hls/cam.m3u8/../../stat",
    "/hls/cam.m3u8.gz",
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


async def test_nothing_but_the_edges_own_paths_is_reachable(edge: Edge, origin: FakeOrigin, state: Path) -> None:
    (state / "secret").write_text("the secret")
    live = state / "edge/live"
    (live / "hls/cam_640").mkdir()
    for file in (
        "hls/cam.m3u8",
        "hls/cam.m3u8.gz",
        "hls/.cam.m3u8.new",
        "hls/cam_640/aaaaaaaa-1.m4s",
        "state/cam.json",
    ):
        (live / file).write_text("inner")
    everything = {"/stat", "/control/drop/publisher", "/hooks/publish", "/metrics", "/stat/", "/feed/cam", "/drain"}
    origin.files = dict.fromkeys(everything, b"inner")
    for path in HIDDEN:
        answer = await edge.raw(path)
        assert answer.split()[1] in (b"404", b"400"), f"{path}: {answer[:300]!r}"
    assert not set(origin.asked) & everything


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


async def test_an_address_that_asks_for_too_much_is_told_to_slow_down(tmp_path: Path) -> None:
    async with running_edge(tmp_path, edge={"requests_per_address_s": 5}) as edge:
        answers = await asyncio.gather(*(edge.get("/icon.svg") for _ in range(40)))
        told = Counter((status, headers.get("Cache-Control")) for status, _, headers in answers)
        assert set(told) == {(200, "no-cache"), (429, "no-store")}
        assert told[200, "no-cache"] >= 5


async def test_a_thousand_viewers_behind_one_address_are_normal(tmp_path: Path) -> None:
    async with (
        FakeOrigin("primary").serving() as origin,
        running_edge(tmp_path, edge={"primary": origin.url}) as edge,
        aiohttp.ClientSession(edge.url, connector=aiohttp.TCPConnector(limit=500)) as viewers,
    ):
        origin.announce(segment := Program().next())
        await eventually(lambda: edge.playlist("/hls/cam.m3u8"))

        async def watch() -> list[int]:
            answers = []
            for path in ("/hls/cam_640/index.m3u8", f"/hls/cam_640/{segment.name}"):
                async with viewers.get(path) as answer:
                    await answer.read()
                    answers.append(answer.status)
            return answers

        answers = await asyncio.gather(*(watch() for _ in range(1000)))
        assert Counter(status for both in answers for status in both) == {200: 2000}
