"""What a viewer sees: the sphere's pixels in Chromium, through the whole platform: live, after an origin's restart,
and on demand."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from signal import SIGKILL

import pytest
from PIL import Image
from playwright.async_api import Page, async_playwright

from infra.local.ports import accepts
from panocast.ladder import Size
from panocast.testcard import DIRECTIONS, Card
from panocast.testcard_clock import (
    PERIOD_MS,
    ClockUnreadableError,
    clock_directions,
    elapsed_ms,
    perspective_xy,
    read_clock,
)
from tests.e2e.browser import launch_chromium
from tests.e2e.platform import platform, publishing
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WIDTH, HEIGHT = 1000, 500
VERTICAL_FOV_DEG = 75.0  # player/src/view.js, on a wide screen
CARD = Card(size=Size(1280, 640), fps=25, gop_s=1.0, bitrate_bps=1_500_000)


async def picture(page: Page) -> Image.Image:
    """The page as it is drawn now."""
    return Image.open(io.BytesIO(await page.screenshot())).convert("RGB")


async def clock_on_the_sphere(page: Page) -> int | None:
    """The test card's clock as it appears in the view towards FRONT; None while it cannot be read."""
    seen = (await picture(page)).convert("L")
    spots = [perspective_xy(at, WIDTH, HEIGHT, VERTICAL_FOV_DEG) for at in clock_directions()]
    try:
        return read_clock([float(seen.getpixel(spot)) for spot in spots])  # type: ignore[arg-type]
    except ClockUnreadableError:
        return None


async def shows_front(page: Page) -> bool:
    """Whether the middle of the view has FRONT's colour."""
    middle = (await picture(page)).getpixel((WIDTH // 2, HEIGHT // 2))
    assert isinstance(middle, tuple)
    return all(abs(seen - meant) < 30 for seen, meant in zip(middle, DIRECTIONS["FRONT"][2], strict=True))


async def moves(page: Page, earlier_ms: int) -> bool:
    """Whether the sphere shows a later moment than `earlier_ms`, by less than half a minute (the clock goes round)."""
    now_ms = await clock_on_the_sphere(page)
    return now_ms is not None and 0 < elapsed_ms(earlier_ms, now_ms) < 30_000


async def shows_what_came_after(page: Page, at_s: float) -> bool:
    """Whether the sphere shows pictures that were made after `at_s` (Unix time). The clock goes round, but no live
    picture is half a round old, and one from before stands still."""
    shown_ms, now_s = await clock_on_the_sphere(page), time.time()
    if shown_ms is None:
        return False
    age_ms = elapsed_ms(shown_ms, int(now_s * 1000) % PERIOD_MS)
    return age_ms < PERIOD_MS / 2 and now_s - age_ms / 1000 > at_s and await moves(page, shown_ms)


async def assert_plays(page: Page) -> None:
    """The sphere shows the card where it should be, and its clock goes on."""
    await eventually(lambda: shows_front(page), within_s=90)
    first = await eventually(lambda: clock_on_the_sphere(page), within_s=90, every_s=0.3)
    assert first is not None
    await eventually(lambda: moves(page, first), within_s=60, every_s=0.5)


async def test_the_sphere_shows_the_event_live_again_after_a_restart_and_then_on_demand(tmp_path: Path) -> None:
    async with platform(tmp_path) as up, async_playwright() as playwright:
        browser = await launch_chromium(playwright)
        try:
            page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            foreign: list[str] = []
            page.on("request", lambda request: foreign.append(request.url))
            await page.goto(f"{up.web}/?url=/hls/cam.m3u8")  # early: it waits for the stream
            async with publishing(up.publish_url("cam"), CARD) as encoder:
                await assert_plays(page)
                os.kill(up.children()["primary origin nginx"], SIGKILL)
                await encoder.wait()
            await eventually(lambda: accepts(int(up.urls["rtmp_port"])))
            restarted_s = time.time()
            async with publishing(up.publish_url("cam"), CARD) as encoder:
                await eventually(lambda: shows_what_came_after(page, restarted_s), within_s=180, every_s=0.3)
                await eventually(lambda: encoder.frames > 30 * CARD.fps)  # something to look at, on demand
                await encoder.finish()
            asset, *_ = await eventually(lambda: up.assets("cam"), within_s=240)
            await page.goto(f"{up.web}/?url={asset['url']}")
            await assert_plays(page)
            assert not [url for url in foreign if not url.startswith((up.web, "blob:", "data:"))]
        finally:
            await browser.close()
