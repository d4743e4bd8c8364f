"""Signed playback through a real nginx: what a signed URL opens, and what nothing else does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.signing import playback_secret, sign
from tests.integration.edge.fake_origin import NAME, FakeOrigin, Program
from tests.integration.edge.running import Edge, running_edge
from tests.waiting import eventually

pytestmark = pytest.mark.slow

MASTER = f"/hls/{NAME}.m3u8"
ASSET = "/vod/talk/20261120T084641Z-primary"


@asynccontextmanager
async def signing(state: Path) -> AsyncIterator[tuple[Edge, str]]:
    async with (
        FakeOrigin("primary").serving() as origin,
        running_edge(state, edge={"live": "mirror", "primary": origin.url, "signed": "true"}) as edge,
    ):
        program = Program()
        for _ in range(4):
            origin.announce(program.next())

        async def known() -> bool:
            return NAME.encode() in (await edge.get("/live.json"))[1]

        secret = playback_secret(state)

        async def plays() -> bool:
            return (await edge.get(sign(MASTER, secret, valid_s=600)))[0] == 200

        await eventually(known)
        await eventually(plays)
        yield edge, secret


async def test_a_signed_url_opens_a_stream_with_all_its_files_for_any_player(tmp_path: Path) -> None:
    async with signing(tmp_path) as (edge, secret):
        url = sign(f"{edge.url}{MASTER}", secret, valid_s=60)
        base = url.removeprefix(edge.url).rpartition("/")[0]
        master = await edge.playlist(url.removeprefix(edge.url))
        assert master
        for variant in master.playlists:
            rung = await edge.playlist(f"{base}/{variant.uri}?x=1")
            assert rung
            folder = str(variant.uri).partition("/")[0]
            for name in (rung.segments[0].init_section.uri, *(segment.uri for segment in rung.segments)):
                assert (await edge.get(f"{base}/{folder}/{name}"))[0] == 200


async def test_nothing_plays_without_a_token_or_with_a_wrong_one(tmp_path: Path) -> None:
    async with signing(tmp_path) as (edge, secret):
        good = sign(MASTER, secret, valid_s=60)
        assert (await edge.get(good))[0] == 200
        expires, _, token = good.split("/")[2].partition("-")
        forged = {
            MASTER: 403,
            f"/hls/{NAME}_640/index.m3u8": 403,
            "/testhls/test.m3u8": 403,
            f"{ASSET}/master.m3u8": 403,
            good.replace(token, token[::-1]): 403,
            good.replace(expires, str(int(expires) + 1)): 403,
            good.replace(f"/{NAME}.", "/other."): 403,
            good.replace(MASTER, f"{ASSET}/master.m3u8"): 403,
            sign(MASTER, "0" * 64, valid_s=60): 403,
            sign(MASTER, secret, valid_s=60, now=time.time() - 3600): 410,
        }
        for path, expected in forged.items():
            status, _, headers = await edge.get(path)
            assert (status, headers["Cache-Control"]) == (expected, "no-store"), path


async def test_an_asset_is_signed_by_itself(tmp_path: Path) -> None:
    for folder in (ASSET, ASSET.replace("talk", "other")):
        (tmp_path / f"egress{folder}/1920").mkdir(parents=True)
        for name in ("master.m3u8", "asset.json", "1920/0001-000.m4s"):
            (tmp_path / f"egress{folder}/{name}").write_text("{}")
    async with signing(tmp_path) as (edge, secret):
        good = sign(f"{ASSET}/master.m3u8", secret, valid_s=60)
        for name in ("master.m3u8", "asset.json", "1920/0001-000.m4s"):
            assert (await edge.get(good.replace("master.m3u8", name)))[0] == 200
            assert (await edge.get(good.replace("master.m3u8", name).replace("talk", "other")))[0] == 403
        assert (await edge.get("/vod/catalog.json"))[0] == 200


async def test_who_is_refused_is_no_viewer(tmp_path: Path) -> None:
    async with signing(tmp_path) as (edge, secret):
        good = sign(MASTER, secret, valid_s=60)
        assert (await edge.get(good))[0] == 200
        await edge.stop_agent()  # which would empty the log
        log = tmp_path / "edge/live/watched.log"
        expired = sign(MASTER, secret, valid_s=60, now=time.time() - 3600)
        assert (await edge.get(expired.replace(".m3u8", "_320/index.m3u8")))[0] == 410
        assert (await edge.get(good.replace(f"/{NAME}.", "/other.")))[0] == 403
        assert (await edge.get(good.replace(".m3u8", "_640/index.m3u8")))[0] == 200
        await eventually(lambda: "cam _640/index.m3u8" in log.read_text())
        watched = {line.rpartition(" ")[0] for line in log.read_text().splitlines()}
        assert watched <= {"cam .m3u8", "cam _640/index.m3u8"}


async def test_the_secret_is_for_its_owner_only_and_tokens_are_in_no_log(tmp_path: Path) -> None:
    async with signing(tmp_path) as (edge, secret):
        good = sign(MASTER, secret, valid_s=60)
        assert (await edge.get(good))[0] == 200
        await edge.stop_agent()
        assert (await edge.get(good.replace(".m3u8", "_640/aaaaaaaa-999.m4s")))[0] == 502
        await eventually(lambda: "connect() failed" in "".join(edge.said))  # nginx says which URL that was
        watched = await asyncio.to_thread((tmp_path / "edge/live/watched.log").read_text)
        said = "".join(edge.said) + watched
        assert f"/s/{good.split('/')[2].partition('-')[0]}-***/hls/" in said
        assert good.split("/")[2].partition("-")[2] not in said
        assert secret not in said
        for path in (tmp_path / "playback-secret", tmp_path / "edge/nginx.conf"):
            assert path.stat().st_mode & 0o077 == 0, path
