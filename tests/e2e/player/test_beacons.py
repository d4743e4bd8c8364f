"""What a player tells of itself, and when it tells nothing."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page

from edge.beacons import COLUMNS, Beacon
from tests.e2e.player.watching import DESKTOP, LIVE, VOD, Opening, comes_to, holds, until, watched
from tests.e2e.player_site import PlayerSite

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def watch_a_while(page: Page, seconds: float) -> None:
    async def played() -> bool:
        return bool(await page.evaluate("window.panocast.video.currentTime") > seconds)

    await comes_to(page, "playing")
    await until(played)


async def test_a_viewer_who_leaves_tells_how_it_played_and_where_they_looked(site: PlayerSite, visit: Opening) -> None:
    site.told = {"beacons": True, "views": True}
    site.list_live()
    site.channel.start()
    page = await visit(f"{LIVE}&yaw=95")
    await comes_to(page, "playing")
    # The page looks once a second, too, from the server's word on; where it is busy, both look less often.
    told_to = "performance.getEntriesByName(`${location.origin}/player.json`).length"
    looks = f"looks += panocast.state === 'playing' && {told_to}"
    await page.evaluate(f"() => {{ window.looks = 0; setInterval(() => ({looks}), 1000); }}")
    await holds(page, "looks >= 4")
    await page.goto(f"{site.url}/")

    async def told() -> bool:
        return bool(site.beacons)

    await until(told)
    report = Beacon.model_validate_json(site.beacons[0])
    assert (report.kind, report.stream) == ("live", "event")
    assert 2 <= report.played_s <= 60
    assert report.startup_s
    assert 100_000 < (report.bitrate_bps or 0) <= 500_000  # of two rungs; none before the first is known
    assert report.delay_s
    assert report.errors == ()
    assert {(column, row) for column, row, _ in report.views} == {(COLUMNS // 2 + 9, 9)}


@pytest.mark.parametrize(("wanted", "signal"), [(False, ""), (True, "globalPrivacyControl")])
async def test_nothing_is_told_where_the_server_or_the_viewer_does_not_want_it(
    browser: Browser, site: PlayerSite, wanted: bool, signal: str
) -> None:
    site.told = {"beacons": wanted}
    options: dict[str, Any] = {"viewport": DESKTOP}
    async with watched(browser, site, **options) as context:
        if signal:
            await context.add_init_script(f"Object.defineProperty(navigator, '{signal}', {{ value: true }})")
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await watch_a_while(page, 2)
        await page.goto(f"{site.url}/")
        await page.wait_for_timeout(500)
    assert site.beacons == []
