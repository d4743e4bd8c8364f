"""In a headset: buttons in the room, pressed by looking at them. Chromium has none, so the scene is told that one was
put on: what A-Frame does with a real one is not shown."""

from __future__ import annotations

import pytest

from tests.e2e.player.watching import VOD, Opening, comes_to, report, shows, until
from tests.e2e.player_site import PlayerSite

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

SCENE = "document.querySelector('a-scene')"
PUT_ON = f"{SCENE}.addState('vr-mode'), {SCENE}.emit('enter-vr'), 1"
# The panel is 24.6° below the horizon; the middle one of its buttons goes ten seconds back.
BEND = f"{SCENE}.camera.el.object3D.rotation.x = -24.6 * Math.PI / 180"
TAKE_OFF = f"{SCENE}.removeState('vr-mode'), {SCENE}.emit('exit-vr'), 1"


async def test_a_look_at_a_button_presses_it(site: PlayerSite, visit: Opening) -> None:
    page = await visit(VOD + "&yaw=90&t=20")
    await shows(page, "lime")
    await page.keyboard.press("Space")
    await comes_to(page, "paused")
    before_s = await page.evaluate("panocast.video.currentTime")
    await page.evaluate(PUT_ON)
    await page.locator("[data-press=replay]").wait_for(state="attached")
    await shows(page, "lime")  # what was ahead stays ahead
    await page.evaluate(BEND)

    async def went_back() -> bool:
        return bool(await page.evaluate("panocast.video.currentTime") < before_s - 9)

    await until(went_back)
    await page.evaluate("document.querySelector('[data-press=play]').emit('click'), 1")
    await comes_to(page, "playing")
    await page.locator("[data-press=pause]").wait_for(state="attached")
    await page.evaluate(TAKE_OFF)
    await page.locator("[data-press=pause]").wait_for(state="detached")
    assert await report(page, "yaw_deg") == pytest.approx(90)
    await shows(page, "lime")
