"""What the player's tests do with a page: open it under watch, look at its pixels, turn it, wait for it."""

from __future__ import annotations

import io
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from PIL import Image
from playwright.async_api import Browser, BrowserContext, Page, Request, ViewportSize

from tests.e2e.player_site import SIGNED, PlayerSite
from tests.waiting import eventually

DESKTOP: ViewportSize = {"width": 640, "height": 360}
PHONE: ViewportSize = {"width": 360, "height": 640}
LIVE = "/?url=/hls/event.m3u8"
VOD = "/?url=/vod/card/s1/master.m3u8"
SIGNED_LIVE = f"/?url={SIGNED}/hls/event.m3u8"
SIGNED_VOD = f"/?url={SIGNED}/vod/card/s1/master.m3u8"

# What iPhones of 2017 and Chrome before 120 lack.
OLDEST = (
    "delete URL.canParse; delete URL.parse; delete Promise.withResolvers; delete Object.groupBy; delete Array.fromAsync"
)

# Somebody moves: else a page that was busy for some seconds has no controls when the mouse comes.
AWAKE = "setInterval(() => document.querySelector('.watch')?.dispatchEvent(new Event('pointermove')), 500)"

Opening = Callable[..., Awaitable[Page]]


@asynccontextmanager
async def watched(
    browser: Browser, site: PlayerSite, *, awake: bool = True, **options: Any
) -> AsyncIterator[BrowserContext]:
    """A browsing context without what the oldest browsers lack, which fails the test when a page breaks its policy,
    throws, or asks another host. `awake`: its controls stay."""
    complaints: list[str] = []

    def note_request(request: Request) -> None:
        if not request.url.startswith((f"{site.url}/", f"blob:{site.url}/", "data:")):
            complaints.append(f"asked elsewhere: {request.url}")

    context = await browser.new_context(**options)
    try:
        await context.add_init_script(OLDEST)
        if awake:
            await context.add_init_script(AWAKE)
        await context.expose_binding("complain", lambda _, what: complaints.append(what))
        await context.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " (event) => complain(`policy: ${event.violatedDirective} ${event.blockedURI}`))"
        )
        context.on("request", note_request)
        context.on("weberror", lambda failure: complaints.append(f"threw: {failure.error}"))
        yield context
    finally:
        await context.close()
    assert not complaints, complaints


async def report(page: Page, name: str) -> Any:
    return await page.evaluate("(name) => window.panocast?.[name]", name)


async def until(check: Callable[[], Awaitable[bool]], *, every_s: float = 0.1) -> None:
    _: bool = await eventually(check, every_s=every_s)


async def holds(page: Page, expression: str) -> None:
    """Waits until JavaScript gives something true; Playwright's own way needs `eval`, which the policy forbids."""

    async def true() -> bool:
        return bool(await page.evaluate(expression))

    await until(true)


async def comes_to(page: Page, state: str) -> None:
    async def reached() -> bool:
        return bool(await report(page, "state") == state)

    await until(reached)


def name_of(colour: tuple[int, ...]) -> str:
    """The nearest of the card's plain colours; encoding bends them a little."""
    red, green, blue = (part > 128 for part in colour[:3])
    names = ["black", "blue", "lime", "cyan", "red", "magenta", "yellow", "white"]
    return names[4 * red + 2 * green + blue]


async def seen(page: Page, right_deg: float = 0.0) -> str:
    """The colour at an angle from the middle of the screen, once the picture is on the sphere, or flat for good."""
    if not await page.locator("[data-sphere]:not([data-sphere=awaited])").count():
        return "nothing yet"
    return await colour_at(page, right_deg)


async def colour_at(page: Page, right_deg: float) -> str:
    """The colour on the screen at an angle from its middle, averaged over a few pixels."""
    size = page.viewport_size
    assert size is not None
    fov_deg = await report(page, "fov_deg")
    focal_px = size["height"] / 2 / math.tan(math.radians(fov_deg / 2))
    x = size["width"] / 2 + focal_px * math.tan(math.radians(right_deg))
    clip = {"x": x - 4.0, "y": size["height"] / 2 - 4.0, "width": 8.0, "height": 8.0}
    picture = Image.open(io.BytesIO(await page.screenshot(clip=clip)))  # type: ignore[arg-type]
    middle = picture.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(middle, tuple)
    return name_of(middle)


async def shows(page: Page, colour: str, right_deg: float = 0.0) -> None:
    async def there() -> bool:
        return await seen(page, right_deg) == colour

    await until(there)


async def drag(page: Page, x_px: int, y_px: int = 0) -> None:
    """Drags the picture from the middle of the window; rests before letting go, so that it does not glide on."""
    size = page.viewport_size
    assert size is not None
    x, y = size["width"] / 2, size["height"] / 2
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + x_px, y + y_px, steps=6)
    await page.wait_for_timeout(150)
    await page.mouse.up()
