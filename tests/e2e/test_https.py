"""`panocast up --https`: what a phone at home gets of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.platform import arguments, platform
from tests.ports import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="session")]

CAPABLE = "[isSecureContext, typeof DeviceOrientationEvent, typeof navigator.xr?.isSessionSupported]"


async def test_by_its_own_certificate_a_phone_gets_a_page_that_may_use_its_sensors(
    tmp_path: Path, browser: Browser
) -> None:
    (port,) = free_ports(1)
    url = f"https://localhost:{port}/"
    argv = [*arguments(tmp_path), "--https", "--https-port", str(port)]
    context = await browser.new_context(ignore_https_errors=True)  # as who goes on past the warning
    try:
        async with platform(tmp_path, argv=argv, settings={"EDGE__PUBLIC_URL": url}) as up:
            assert up.urls["player_https"] == url
            page = await context.new_page()
            answer = await page.goto(url)
            assert answer is not None
            assert answer.status == 200
            assert await page.evaluate(CAPABLE) == [True, "function", "function"]
            await page.get_by_text("Nothing here yet").wait_for()
            await page.get_by_text("Open on your phone").click()
            await page.get_by_text(url).wait_for()
            code = page.get_by_role("img", name="QR code")
            await code.wait_for()
            assert await code.evaluate("(code) => code.decode().then(() => code.naturalWidth)") > 0
    finally:
        await context.close()
