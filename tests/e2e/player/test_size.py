"""The page is small: its own code, file by file as the edge sends it."""

from __future__ import annotations

import gzip
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Request

from edge.page import lean
from tests.e2e.player.watching import DESKTOP, VOD, shows, watched
from tests.e2e.player_site import PLAYER, PlayerSite

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_what_a_viewer_fetches_of_our_own_code_is_small(browser: Browser, site: PlayerSite) -> None:
    async with watched(browser, site, viewport=DESKTOP) as context:
        asked: set[str] = set()

        def note(request: Request) -> None:
            asked.add(urlsplit(request.url).path.strip("/") or "index.html")

        context.on("request", note)
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await shows(page, "red")
    paths = [PLAYER / path for path in sorted(asked) if path.startswith("src/") or "/" not in path]
    served = [lean(path) for path in paths if path.is_file()]
    assert len(served) > 20
    assert sum(len(gzip.compress(data, compresslevel=6)) for data in served) < 40_000
