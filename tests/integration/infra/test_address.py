"""A machine that gets another address: where phones are sent from then on."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest

from edge.config import edge_paths
from infra.local.address import follow_address
from tests.integration.edge.running import running_edge
from tests.waiting import eventually

pytestmark = pytest.mark.slow


async def test_another_address_is_said_once_and_shown_to_phones_from_then_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "infra.local.address")
    found: str | None = None
    told: list[str] = []
    async with running_edge(tmp_path) as edge:

        async def shown() -> str | None:
            told: dict[str, str | None] = json.loads((await edge.get("/player.json"))[1])
            return told["url"]

        async def shows() -> bool:
            return await shown() == found

        assert await shown() is None
        assert (await edge.get("/qr.svg"))[0] == 404
        paths = edge_paths(edge.settings)
        following = asyncio.create_task(follow_address(paths, edge.settings.edge, lambda: found, told.append, 0.05))
        try:
            pictures = []
            for url in ("http://192.168.1.5:8080/", "http://10.0.0.7:8080/"):
                found = url
                await eventually(shows)
                pictures.append((await edge.get("/qr.svg"))[1])
            assert pictures[0] != pictures[1]
            found = None  # no network for a moment
            (in_the_way := paths.site.with_name("player.json.new")).mkdir()  # as good as a full disk
            await asyncio.sleep(0.2)
            assert await shown() == "http://10.0.0.7:8080/"
            found = "http://192.168.1.5:8080/"
            await eventually(lambda: len(told) == 3)
            await asyncio.sleep(0.2)
            in_the_way.rmdir()
            await eventually(shows)
        finally:
            following.cancel()
    assert told == ["http://192.168.1.5:8080/", "http://10.0.0.7:8080/", "http://192.168.1.5:8080/"]
    assert [url in record.getMessage() for url, record in zip(told, caplog.records, strict=True)] == [True] * 3
