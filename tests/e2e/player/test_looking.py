"""Turning the view: by mouse, finger, wheel, keys and by how a phone is held."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.async_api import Browser

from tests.e2e.player.watching import PHONE, VOD, Opening, comes_to, drag, holds, report, shows, until, watched
from tests.e2e.player_site import BLINKER_YAW_DEG, PlayerSite

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_directions_appear_where_they_belong(site: PlayerSite, visit: Opening) -> None:
    page = await visit(VOD)
    await comes_to(page, "playing")
    await shows(page, "red")
    await shows(page, "lime", right_deg=48)
    await shows(page, "yellow", right_deg=-48)
    # The picture follows the mouse: 360 px are the field of view of 75°, so that 75 px more than a quarter turn ...
    await drag(page, -300)
    await drag(page, -132)
    assert await report(page, "yaw_deg") == pytest.approx(90, abs=2)
    await shows(page, "lime")
    await drag(page, -300)
    await drag(page, -132)
    await shows(page, "blue")
    await drag(page, 0, 170)
    await drag(page, 0, 170)
    assert await report(page, "pitch_deg") == pytest.approx(71, abs=2)
    await shows(page, "white")


async def test_arrow_keys_look_around(site: PlayerSite, visit: Opening) -> None:
    page = await visit(VOD)
    await shows(page, "red")

    async def hold(key: str, angle: str, least_deg: float) -> None:
        # The page lets go of the key by itself: a finger that comes late would turn it too far.
        await page.evaluate(
            """([key, angle, least_deg]) => {
              const release = () => dispatchEvent(new KeyboardEvent('keyup', { key }));
              const look = () => (panocast[angle] < least_deg ? release() : requestAnimationFrame(look));
              look();
            }""",
            [key, angle, least_deg],
        )
        await page.keyboard.down(key)
        await holds(page, f"panocast.{angle} < {least_deg}")
        await page.keyboard.up(key)

    await hold("ArrowLeft", "yaw_deg", -75)
    await shows(page, "yellow")
    await hold("ArrowDown", "pitch_deg", -70)
    await shows(page, "black")


async def test_a_finger_turns_the_picture_both_ways(browser: Browser, site: PlayerSite) -> None:
    async with watched(browser, site, viewport=PHONE, has_touch=True, is_mobile=True) as context:
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await shows(page, "red")
        touch = await context.new_cdp_session(page)

        async def swipe(x_px: float, y_px: float) -> None:
            path = [(180 + x_px * part / 5, 300 + y_px * part / 5) for part in range(6)]
            for kind, points in [
                ("touchStart", [path[0]]),
                *(("touchMove", [point]) for point in path[1:]),
                ("touchEnd", []),
            ]:
                at = [{"x": x, "y": y} for x, y in points]
                await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

        async def looks_up() -> bool:
            await swipe(0, 200)
            return bool(await report(page, "pitch_deg") > 70)

        await until(looks_up)
        await shows(page, "white")


async def test_the_picture_moves_in_time(site: PlayerSite, visit: Opening) -> None:
    page = await visit(VOD)
    for colour in ("cyan", "magenta", "cyan"):
        await shows(page, colour, right_deg=BLINKER_YAW_DEG)


async def test_the_wheel_and_the_keys_zoom_within_limits(site: PlayerSite, visit: Opening) -> None:
    page = await visit(VOD)
    await shows(page, "red")
    await page.mouse.move(320, 180)

    async def wheel(y_px: int, enough: Callable[[float], bool]) -> None:
        async def reached() -> bool:
            await page.mouse.wheel(0, y_px)
            return enough(await report(page, "fov_deg"))

        await until(reached)

    await wheel(-400, lambda fov: fov == 30)
    await shows(page, "red", right_deg=20)
    await wheel(400, lambda fov: fov == 100)
    await shows(page, "lime", right_deg=60)
    await page.keyboard.press("0")
    assert await report(page, "fov_deg") == 75
    for key, sign in (("+", -1), ("-", 1)):
        before = await report(page, "fov_deg")
        await page.keyboard.press(key)
        assert (await report(page, "fov_deg") - before) * sign > 5


async def test_two_fingers_zoom(browser: Browser, site: PlayerSite) -> None:
    async with watched(browser, site, viewport=PHONE, has_touch=True, is_mobile=True) as context:
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await shows(page, "red")
        touch = await context.new_cdp_session(page)
        yaw_deg, fov_deg = await report(page, "yaw_deg"), await report(page, "fov_deg")
        for kind, apart in (("touchStart", 60), ("touchMove", 90), ("touchMove", 120), ("touchEnd", 0)):
            points = [{"x": 180 + side * apart / 2, "y": 300, "id": side + 1} for side in (-1, 1)] if apart else []
            await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        async def nearer() -> bool:
            return bool(await report(page, "fov_deg") == pytest.approx(fov_deg / 2, rel=0.1))

        await until(nearer)
        assert await report(page, "yaw_deg") == pytest.approx(yaw_deg, abs=1)


async def test_the_compass_tells_the_direction_and_looks_ahead_again(site: PlayerSite, visit: Opening) -> None:
    page = await visit(VOD + "&yaw=-90&pitch=10&fov=60")
    await shows(page, "yellow")
    compass = page.get_by_role("button", name="Looking 90° left, 10° up")
    await compass.click()
    await shows(page, "red")
    assert [await report(page, name) for name in ("yaw_deg", "pitch_deg", "fov_deg")] == [0, 0, 75]


async def test_a_phone_turns_the_view_and_a_finger_turns_it_further(browser: Browser, site: PlayerSite) -> None:
    async with watched(browser, site, viewport=PHONE, has_touch=True, is_mobile=True) as context:
        await context.add_init_script(
            "window.asked = 0; const Sensors = window.DeviceOrientationEvent ?? {};"
            "Sensors.requestPermission = async () => (window.asked++, 'granted')"
        )
        page = await context.new_page()
        phone = await context.new_cdp_session(page)

        async def hold(alpha: float, beta: float) -> None:
            angles = f"{{ alpha: {alpha}, beta: {beta}, gamma: 0 }}"
            await page.evaluate(f"dispatchEvent(new DeviceOrientationEvent('deviceorientation', {angles}))")

        async def looks(yaw_deg: float, pitch_deg: float) -> None:
            async def there() -> bool:
                yaw, pitch = await report(page, "yaw_deg"), await report(page, "pitch_deg")
                return bool(abs(yaw - yaw_deg) < 3 and abs(pitch - pitch_deg) < 3)

            await until(there)

        await page.goto(site.url + VOD)
        await shows(page, "red")
        await page.get_by_role("button", name="Tap for sound").tap()
        await holds(page, "asked === 1")  # an iPhone hands out its sensors from a tap only, and once is enough
        await page.touchscreen.tap(180, 450)
        assert await page.evaluate("asked") == 1
        await hold(330, 90)
        await hold(20, 90)
        await looks(-50, 0)
        await hold(240, 90)
        await looks(90, 0)
        await shows(page, "lime")
        await hold(240, 160)
        await looks(90, 70)
        await shows(page, "white")
        await hold(240, 90)
        await looks(90, 0)
        await phone.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": 300, "y": 300}]})
        for x in (200, 100, 30):
            await phone.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": 300}]})
        await page.wait_for_timeout(150)
        await phone.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        await looks(90 + 270 * 95 / 640, 0)
        await page.get_by_role("button", name="Looking").tap()
        await looks(0, 0)
