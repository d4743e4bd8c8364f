"""VOD through the edge where the egress store is a bucket: nginx asks the agent, which asks the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.agent import Agent
from edge.metrics import EdgeMetrics
from edge.origins import Origins
from panocast.store_directory import DirectoryStore
from tests.integration.edge.running import running_edge

pytestmark = pytest.mark.slow

MASTER = "/vod/talk/20261120T084641Z-upload/master.m3u8"


async def test_objects_are_handed_through_with_type_and_lifetime(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "bucket")
    store.put_bytes(MASTER[1:], b"#EXTM3U\n")
    store.put_bytes("vod/talk/20261120T084641Z-upload/1920/00001.m4s", b"m" * 1000)
    store.put_bytes("failed/secret.json", b"{}")
    async with running_edge(
        tmp_path,
        agent=lambda _: Agent(Origins({}), None, EdgeMetrics(), egress=store),
        shared={"egress": "s3://some-bucket"},
    ) as edge:

        async def get(path: str) -> tuple[int, str, str, bytes]:
            status, body, headers = await edge.get(path)
            return status, headers.get("Content-Type", ""), headers.get("Cache-Control", ""), body

        assert await get(MASTER) == (200, "application/vnd.apple.mpegurl", "no-cache", b"#EXTM3U\n")
        segment = await get(MASTER.replace("master.m3u8", "1920/00001.m4s"))
        assert segment == (200, "video/iso.segment", "public, max-age=86400, immutable", b"m" * 1000)
        store.put_bytes(MASTER[1:], b"#EXTM3U\n#replaced\n")
        assert (await get(MASTER))[3].endswith(b"#replaced\n"), "a description that may be replaced was kept"
        assert (await get(MASTER.replace("talk", "none")))[0::2] == (404, "no-store")
        assert (await get("/vod/../failed/secret.json"))[0] == 404
        assert (await get("/vod/..%2ffailed/secret.json"))[0] == 404
