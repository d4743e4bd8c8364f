"""What is drawn, and when: the first picture before the sphere, then what is new alone, and fewer pixels if need be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Page, Route

from tests.e2e.player.watching import (
    DESKTOP,
    VOD,
    Opening,
    colour_at,
    comes_to,
    drag,
    holds,
    report,
    shows,
    until,
    watched,
)
from tests.e2e.player_site import PlayerSite

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

FRAMES = "document.querySelector('a-scene').renderer.info.render.frame"


def flat(page: Page, colour: str, right_deg: float = 0.0, *, hidden: bool = False) -> Callable[[], Awaitable[bool]]:
    """Whether the screen has this colour there, with or without a sphere; `hidden`: whether it has not."""

    async def there() -> bool:
        return (await colour_at(page, right_deg) == colour) is not hidden

    return there


async def test_the_first_picture_does_not_wait_for_the_sphere(browser: Browser, site: PlayerSite) -> None:
    arrives = asyncio.Event()

    async def late(route: Route) -> None:
        await arrives.wait()
        await route.continue_()

    async with watched(browser, site, viewport=DESKTOP) as context:
        await context.route("**/aframe.min.js", late)
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await comes_to(page, "playing")
        assert await report(page, "sphere") is False
        # The flat picture's middle, as large as the sphere will show it, and it can be dragged.
        for right_deg, colour in ((-48, "yellow"), (0, "red"), (48, "lime")):
            await until(flat(page, colour, right_deg))
        await drag(page, -240)
        await until(flat(page, "lime"))
        # What would look different on the sphere is waited for.
        for projection, spins in (("Cubemap (3", True), ("As sent", False)):
            await page.get_by_role("button", name="Settings").click()
            await page.get_by_role("menuitem", name="Projection").click()
            await page.get_by_role("menuitemradio", name=projection).click()
            await page.keyboard.press("Escape")
            await page.locator(".spinner").wait_for(state="visible" if spins else "hidden")
            await until(flat(page, "lime", hidden=spins))
        arrives.set()
        await shows(page, "lime")
        assert await report(page, "sphere") is True


async def test_a_picture_that_stands_still_is_drawn_once(visit: Opening) -> None:
    page = await visit(VOD)
    # What is paused before it plays has a button where the drags begin.
    await comes_to(page, "playing")
    await holds(page, "document.querySelector('main').dataset.sphere === 'true'")
    await shows(page, "red")
    await page.keyboard.press("Space")
    await comes_to(page, "paused")

    async def still() -> bool:
        before = await page.evaluate(FRAMES)
        await page.wait_for_timeout(700)
        return bool(await page.evaluate(FRAMES) == before)

    await until(still)
    await drag(page, -300)
    await drag(page, -132)
    await shows(page, "lime")
    await page.get_by_role("slider", name="Seek").fill("7.5")
    await page.get_by_role("button", name="Looking").click()
    await shows(page, "magenta", right_deg=-30)  # a paused picture that is sought, too
    await page.set_viewport_size({"width": 480, "height": 360})
    await shows(page, "red")


async def test_a_device_that_is_late_draws_fewer_pixels(browser: Browser, site: PlayerSite) -> None:
    async with watched(browser, site, viewport=DESKTOP) as context:
        await context.add_init_script(
            "const turn = requestAnimationFrame; let now_ms = 0;"
            "window.requestAnimationFrame = (act) => turn(() => act((now_ms += 100)))"
        )
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await shows(page, "red")
        await holds(page, "document.querySelector('canvas').width === 320")
        await shows(page, "lime", right_deg=48)
