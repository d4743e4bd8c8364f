"""What axe-core finds on every kind of page, on a desk and in the hand, light and dark: nothing serious."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.e2e.player.watching import DESKTOP, LIVE, PHONE, VOD, comes_to, watched
from tests.e2e.player_site import PLAYER, PlayerSite

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

AXE = PLAYER / "node_modules" / "axe-core" / "axe.min.js"


async def settled(page: Page) -> None:
    """The library lists something, or the refusal is said."""
    await page.get_by_role("link").first.wait_for()


async def playing(page: Page) -> None:
    """The stream plays, and its controls are there."""
    await comes_to(page, "playing")


async def menu(page: Page) -> None:
    """The settings are open."""
    await playing(page)
    await page.get_by_role("button", name="Settings").click()


async def failed(page: Page) -> None:
    """The stream cannot be played."""
    await comes_to(page, "error")


PAGES: dict[str, tuple[str, Callable[[Page], Awaitable[None]]]] = {
    "library": ("/", settled),
    "live": (LIVE, playing),
    "vod": (VOD, playing),
    "menu": (VOD, menu),
    "refused": ("/?url=", settled),
    "error": ("/?url=/icon.svg", failed),
}


async def serious(page: Page) -> list[tuple[str, str]]:
    """What axe-core calls serious or critical: the rule, and the first place it is broken."""
    await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    grave = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
    return [(v["id"], v["nodes"][0]["html"] + " " + v["nodes"][0]["failureSummary"]) for v in grave]


@pytest.mark.parametrize("name", PAGES)
async def test_nothing_serious_is_found(browser: Browser, site: PlayerSite, name: str) -> None:
    site.channel.start()
    site.list_live(title="Harbour", warnings=["keyframes are 8 s apart"])
    asset = {"id": "card/s1", "title": "Colour card", "url": "/vod/card/s1/master.m3u8", "duration_s": 754}
    site.catalog = {"vod": [{**asset, "poster": "/vod/card/s1/poster.jpg", "published": "2026-11-19T10:00:00Z"}]}
    path, come = PAGES[name]
    async with watched(browser, site, viewport=DESKTOP) as context:
        page = await context.new_page()
        await page.goto(site.url + path)
        await come(page)
        for viewport in (DESKTOP, PHONE):
            await page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                assert await serious(page) == [], f"{viewport}, {scheme}"
