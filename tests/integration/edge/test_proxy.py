"""Live streams of origins whose packager is nginx-rtmp: proxied, with the backup behind the primary."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.edge.fake_origin import FakeOrigin
from tests.integration.edge.running import Edge, running_edge
from tests.waiting import eventually

pytestmark = pytest.mark.slow

SEGMENT = "/hls/cam_640/1000.ts"
PLAYLIST = "/hls/cam.m3u8"


@asynccontextmanager
async def proxying(state: Path) -> AsyncIterator[tuple[Edge, FakeOrigin, FakeOrigin]]:
    async with AsyncExitStack() as stack:
        primary = await stack.enter_async_context(FakeOrigin("primary").serving())
        backup = await stack.enter_async_context(FakeOrigin("backup").serving())
        settings = {"live": "proxy", "primary": primary.url, "backup": backup.url}
        yield await stack.enter_async_context(running_edge(state, edge=settings)), primary, backup


async def test_a_segment_is_asked_of_the_origin_once_whatever_the_query_says(tmp_path: Path) -> None:
    async with proxying(tmp_path) as (edge, primary, _):
        primary.files[SEGMENT] = b"x" * 100_000
        answers = await asyncio.gather(*(edge.get(f"{SEGMENT}?x={n}") for n in range(100)))
        assert all(status == 200 and len(body) == 100_000 for status, body, _ in answers)
        assert primary.asked[SEGMENT] == 1
        status, _, headers = await edge.get(SEGMENT)
        assert (status, headers["X-Cache"], headers["X-Origin"]) == (200, "HIT", "primary")
        assert headers["Cache-Control"] == "max-age=1"  # as the origin says


async def test_a_404_from_before_the_start_is_not_kept(tmp_path: Path) -> None:
    async with proxying(tmp_path) as (edge, primary, _):
        for path in (PLAYLIST, SEGMENT):
            status, _, headers = await edge.get(path)
            assert (status, headers["Cache-Control"]) == (404, "no-store")
            primary.files[path] = b"#EXTM3U\n"
            assert (await edge.get(path))[0] == 200


async def test_a_playlist_is_served_fresh(tmp_path: Path) -> None:
    async with proxying(tmp_path) as (edge, primary, _):
        for text in (b"one", b"two"):
            primary.files[PLAYLIST] = text
            assert (await edge.get(PLAYLIST))[1] == text


async def test_the_backup_serves_only_what_the_primary_does_not(tmp_path: Path) -> None:
    async with proxying(tmp_path) as (edge, primary, backup):
        primary.files[PLAYLIST] = b"of the primary"
        backup.files = {PLAYLIST: b"of the backup", SEGMENT: b"segment"}
        for _ in range(6):
            status, body, headers = await edge.get(PLAYLIST)
            assert (status, body, headers["X-Origin"]) == (200, b"of the primary", "primary")
        assert (await edge.get(SEGMENT))[2]["X-Origin"] == "backup"
        await primary.die()
        status, body, headers = await edge.get(PLAYLIST)
        assert (status, body, headers["X-Origin"]) == (200, b"of the backup", "backup")


async def test_live_json_says_what_the_origins_say_and_falls_back_with_them(tmp_path: Path) -> None:
    async with proxying(tmp_path) as (edge, primary, backup):
        primary.files[PLAYLIST] = backup.files[PLAYLIST] = b"#EXTM3U\n"

        async def told_by(role: str) -> bool:
            return [s["origin"] for s in json.loads((await edge.get("/live.json"))[1])["live"]] == [role]

        await eventually(lambda: told_by("primary"))
        await primary.die()
        await eventually(lambda: told_by("backup"))
        assert json.loads((await edge.get("/healthz"))[1])["origins"] == {"primary": "down", "backup": "up"}
