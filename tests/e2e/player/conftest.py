"""The player's site with its media, and pages of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.e2e.player.media import make_captions, make_thumbnails
from tests.e2e.player.watching import DESKTOP, Opening, watched
from tests.e2e.player_site import Channel, PlayerSite, install_player, make_fmp4_segments, make_recording, make_segments

CARD_S = 120  # more than any test sees of it, on a slow machine, too
HALVES = "drawbox=w=320:h=320:color=red:t=fill,drawbox=x=320:w=320:h=320:color=lime:t=fill"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings under `vod/`, live segments under `segments/`."""
    folder = tmp_path_factory.mktemp("player")
    await install_player("--dev")
    (folder / "segments").mkdir()
    await asyncio.gather(
        make_recording(folder / "vod" / "card" / "s1", CARD_S),
        make_recording(folder / "vod" / "halves" / "s1", 90, picture=HALVES),
        make_segments(folder / "segments"),
        make_fmp4_segments(folder / "segments"),
    )
    return folder


@pytest_asyncio.fixture(loop_scope="session")
async def site(media: Path) -> AsyncIterator[PlayerSite]:
    served = PlayerSite(media / "vod", Channel(media / "segments"))
    await served.start()
    yield served
    await served.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, site: PlayerSite) -> AsyncIterator[Opening]:
    """Opens a page of the site in a small desktop window."""
    async with watched(browser, site, viewport=DESKTOP) as context:

        async def opened(path: str) -> Page:
            page = await context.new_page()
            await page.goto(site.url + path)
            return page

        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def card_extras(media: Path) -> None:
    """Thumbnails and captions beside the card."""
    folder = media / "vod" / "card" / "s1"
    await make_thumbnails(folder / "r0.m3u8", folder, CARD_S, every_s=6)
    await make_captions(folder)
