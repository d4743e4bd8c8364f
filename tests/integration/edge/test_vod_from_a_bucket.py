"""VOD through the edge where the egress store is a bucket: nginx asks the agent, which asks the store."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.metrics import EdgeMetrics
from edge.origins import Origins
from panocast.errors import TemporaryError
from panocast.store import Stat, open_store
from panocast.store_directory import DirectoryStore
from tests.integration.edge.running import running_edge
from tests.waiting import eventually

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
        for no_key in (".x", "1920/", "1920/.x"):
            assert (await get(MASTER.replace("master.m3u8", no_key)))[0::2] == (404, "no-store")


class Slow(DirectoryStore):
    """A store that gives nothing before it is `released`; counts what it is asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.released = threading.Event()
        self.asked = 0

    def get_bytes(self, key: str) -> tuple[bytes, Stat]:
        self.asked += 1
        self.released.wait(timeout=60)
        return super().get_bytes(key)


async def test_viewers_who_open_an_asset_at_once_cost_the_store_one_reading(tmp_path: Path) -> None:
    store = Slow(tmp_path / "bucket")
    store.put_bytes(MASTER[1:], b"#EXTM3U\n")
    async with running_edge(
        tmp_path,
        agent=lambda _: Agent(Origins({}), None, EdgeMetrics(), egress=store),
        shared={"egress": "s3://some-bucket"},
    ) as edge:
        asking = [asyncio.create_task(edge.get(MASTER)) for _ in range(300)]
        await eventually(lambda: store.asked)
        await asyncio.sleep(0.5)
        asked = store.asked
        store.released.set()
        assert {status for status, _, _ in await asyncio.gather(*asking)} == {200}
        assert asked == 1, "for all that came before it was read"


def test_a_bucket_that_does_not_answer_is_given_up_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        begun = time.monotonic()
        with pytest.raises(TemporaryError, match="bucket"):
            open_store("s3://bucket", hasty=True).get_bytes(MASTER[1:])
        assert time.monotonic() - begun < 20
