"""The library: what it lists, how to find it, what it says when there is nothing."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, ViewportSize

from tests.e2e.player.watching import Opening, comes_to, holds, name_of, watched
from tests.e2e.player_site import PlayerSite

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_the_library_lists_live_and_recorded(site: PlayerSite, visit: Opening) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    site.list_live(title=hostile, warnings=["keyframes are 8 s apart"])
    site.live["refused"] = [{"name": hostile, "reason": "the key is wrong", "since": "2026-11-20T09:00:00Z"}]
    asset = {"id": "card/s1", "name": "card", "title": "Colour card", "url": "vod/card/s1/master.m3u8"}
    more = {"poster": "vod/card/s1/poster.jpg", "duration_s": 754.2, "published": "2026-11-19T10:00:00Z"}
    site.catalog = {"vod": [{**asset, **more, "projection": "equirectangular", "stereo": "mono"}]}
    page = await visit("/")
    await page.get_by_role("heading", name="Live now").wait_for()
    card = page.get_by_role("link", name="Colour card")
    await card.get_by_text("12:34").wait_for()
    await holds(page, "[...document.images].every((image) => image.naturalWidth > 0)")
    note = page.get_by_role("complementary")
    assert await note.get_by_text("the key is wrong").count() == 1
    assert await note.get_by_text("keyframes are 8 s apart").count() == 1
    assert await page.get_by_text(hostile).count() == 2
    site.live["live"] = []
    await page.get_by_text("Nobody is live right now").wait_for()
    await card.focus()
    await page.keyboard.press("Enter")
    await page.locator("video").wait_for(state="attached")
    await comes_to(page, "playing")


@pytest.mark.parametrize("fmp4", [True, False])
async def test_a_live_stream_has_a_picture_of_now_where_one_can_be_had(
    site: PlayerSite, visit: Opening, fmp4: bool
) -> None:
    site.channel.fmp4 = fmp4
    site.channel.start()
    site.list_live()
    page = await visit("/")
    await page.locator(".card canvas").wait_for(state="attached")
    if fmp4:
        await holds(page, "document.querySelector('.card canvas').width > 0")
        middle = "[...document.querySelector('.card canvas').getContext('2d').getImageData(160, 96, 1, 1).data]"
        assert name_of(tuple(await page.evaluate(middle))) == "red"
    site.list_live(title="Another title")  # The library is laid out anew, and the picture stays.
    await page.get_by_text("Another title").wait_for()
    assert await page.evaluate("document.querySelector('.card canvas').width") == (320 if fmp4 else 0)
    loaded = "performance.getEntriesByType('resource').filter((e) => /-\\d+\\.(m4s|ts)/.test(e.name)).length"
    assert await page.evaluate(loaded) == int(fmp4)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_empty_library_says_how_to_publish(browser: Browser, site: PlayerSite, scheme: Any) -> None:
    narrow: ViewportSize = {"width": 320, "height": 640}
    async with watched(browser, site, viewport=narrow, color_scheme=scheme) as context:
        page = await context.new_page()
        await page.goto(site.url)
        await page.get_by_text("panocast stream-key NAME").wait_for()
        await page.get_by_text(":1935/live").wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(13, 16, 21)") == (scheme == "dark")


async def test_a_desktop_shows_phones_the_way(site: PlayerSite, visit: Opening) -> None:
    site.told = {"url": "https://192.168.1.5:8443/"}
    page = await visit("/")
    await page.get_by_text("Open on your phone").click()
    await page.get_by_text("https://192.168.1.5:8443/").wait_for()
    await page.get_by_text("the phone’s browser warns once").wait_for()
    await holds(page, "document.querySelector('.qr').naturalWidth > 0")
    await page.evaluate("document.querySelector('.qr').onload = () => { window.codes = 1; }")
    site.told = {"url": "https://10.0.0.7:8443/"}  # it is in another network now
    await page.get_by_text("https://10.0.0.7:8443/").wait_for()
    await holds(page, "window.codes === 1")


async def test_a_library_out_of_reach_says_so_and_recovers(site: PlayerSite, visit: Opening) -> None:
    page = await visit("/")
    await page.get_by_text("Nothing here yet").wait_for()
    site.down = True
    await page.get_by_text("The server does not answer").wait_for()
    site.down = False
    await page.get_by_text("The server does not answer").wait_for(state="hidden")


async def test_a_server_that_is_away_takes_nothing_of_the_other_with_it(site: PlayerSite, visit: Opening) -> None:
    site.list_live(title="Harbour")
    site.catalog = {"vod": [{"title": "Colour card", "url": "/vod/card/s1/master.m3u8"}]}
    site.away = {"/live.json"}
    page = await visit("/")
    await page.get_by_role("link", name="Colour card").wait_for()
    await page.get_by_text("The server does not answer").wait_for()
    assert await page.get_by_text("Nobody is live").count() == 0  # nobody knows
    site.away = {"/vod/catalog.json"}
    await page.get_by_role("link", name="Harbour").wait_for()
    assert await page.get_by_role("link", name="Colour card").is_visible()


async def test_the_library_is_searched_by_name(site: PlayerSite, visit: Opening) -> None:
    site.list_live(title="Été à la plage")
    more = {"duration_s": 60, "published": "2026-11-19T10:00:00Z"}
    titles = ["Harbour at dusk", "Concert in the old church"]
    site.catalog = {
        "vod": [{"id": t, "title": t, "url": f"/vod/{n}/s1/master.m3u8", **more} for n, t in enumerate(titles)]
    }
    page = await visit("/")
    field = page.get_by_role("searchbox", name="Search by name")
    await field.fill("DUSK harbour")
    await page.get_by_role("link", name="Concert").wait_for(state="detached")
    assert await page.get_by_role("link", name="Harbour at dusk").is_visible()
    await field.fill("ete")
    await page.get_by_role("link", name="Été à la plage").wait_for()
    assert await page.locator(".card").count() == 1
    await field.fill("nothing like it")
    await page.get_by_role("status").get_by_text("Nothing here is called “nothing like it”").wait_for()
    await field.fill("")
    await page.get_by_role("link", name="Concert").wait_for()
    assert await field.evaluate("(field) => field === document.activeElement")
