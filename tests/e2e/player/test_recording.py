"""Watching a recording: the controls by mouse, finger and keyboard."""

from __future__ import annotations

import asyncio
import io
import re

import pytest
from PIL import Image
from playwright.async_api import Browser, Route, expect

from tests.e2e.player.watching import (
    DESKTOP,
    SIGNED_VOD,
    VOD,
    Opening,
    comes_to,
    drag,
    holds,
    name_of,
    report,
    shows,
    until,
    watched,
)
from tests.e2e.player_site import PlayerSite

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

# What the page says for some seconds alone stays in `said`.
SAID = """window.said = '';
new MutationObserver(() => (said += document.querySelector('.toast')?.textContent ?? ''))
  .observe(document, { childList: true, subtree: true });"""


async def test_a_recording_goes_on_where_the_network_was_lost(site: PlayerSite, visit: Opening) -> None:
    page = await visit("/?url=/vod/halves/s1/master.m3u8")
    await comes_to(page, "playing")
    site.down = True
    await page.evaluate("panocast.video.currentTime = 80")  # much further than it loads ahead
    await page.get_by_text("No connection to the server").wait_for(timeout=60_000)
    site.down = False
    await comes_to(page, "playing")
    assert await page.evaluate("panocast.video.currentTime") >= 79


async def test_controls_of_a_recording(site: PlayerSite, visit: Opening) -> None:
    site.assets["card"] = {"id": "card/s1", "title": "Colour card", "projection": "equirectangular", "stereo": "mono"}
    page = await visit(SIGNED_VOD)  # whose token changes nothing
    await comes_to(page, "playing")
    await page.get_by_role("heading", name="Colour card").wait_for()
    await page.keyboard.press("Space")
    await comes_to(page, "paused")
    await page.get_by_role("slider", name="Seek").fill("7")
    assert await page.evaluate("panocast.video.currentTime") == pytest.approx(7, abs=0.5)
    await page.get_by_text("0:07 / 2:00").wait_for()
    await page.locator(".bar").get_by_role("button", name="Play").click()
    await comes_to(page, "playing")
    # Who pauses and plays on before the browser has told of the pause, plays on.
    space = "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: ' ', bubbles: true }))"
    await page.evaluate(f"{space}, {space}")
    await comes_to(page, "playing")
    await page.keyboard.press("m")
    assert not await page.evaluate("panocast.video.muted")
    await page.keyboard.press("f")
    await holds(page, "document.fullscreenElement !== null")
    await page.keyboard.press("f")
    await holds(page, "document.fullscreenElement === null")
    await page.get_by_role("slider", name="Seek").fill("119.5")
    await comes_to(page, "ended")
    await page.keyboard.press("j")  # who goes back from the end wants to watch
    await comes_to(page, "playing")
    await page.get_by_role("slider", name="Seek").fill("119.5")
    await comes_to(page, "ended")
    await page.locator(".big-play").click()
    await comes_to(page, "playing")
    assert await page.evaluate("panocast.video.currentTime") < 30


async def test_who_pauses_at_once_can_look_around(browser: Browser, site: PlayerSite) -> None:
    async with watched(browser, site, viewport=DESKTOP) as context:
        await context.add_init_script(
            """const space = new KeyboardEvent('keydown', { key: ' ', bubbles: true });
            const press = () => document.body.dispatchEvent(space);
            addEventListener('playing', () => setTimeout(press), { capture: true, once: true });"""
        )
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await comes_to(page, "paused")
        await shows(page, "red")
        assert not await page.locator(".big-play").is_visible()


async def test_the_quality_menu_names_every_rung_and_switches(visit: Opening) -> None:
    page = await visit(VOD)
    await comes_to(page, "playing")

    async def choose(name: str) -> None:
        await page.get_by_role("button", name="Settings").click()
        await page.get_by_role("menuitem", name="Quality").click()
        await page.get_by_role("menuitemradio", name=name).click()
        await page.keyboard.press("Escape")

    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("menuitem", name="Quality").click()
    names = await page.get_by_role("menuitemradio").all_text_contents()
    assert [re.split(" · |(?<=Auto)", name)[0] for name in names] == ["Auto", "640 × 320", "320 × 160"]
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await choose("320 × 160")
    await holds(page, "panocast.video.videoWidth === 320")
    await choose("640 × 320")
    await holds(page, "panocast.video.videoWidth === 640")


async def test_a_press_counts_though_the_menu_says_something_new_meanwhile(visit: Opening) -> None:
    page = await visit(VOD)
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("menuitem", name="Projection").hover()
    await page.mouse.down()
    await page.evaluate(
        """new Promise((done) => {
          panocast.video.textTracks.addEventListener('addtrack', () => done(true));
          panocast.video.addTextTrack('captions', 'English');
        })"""
    )
    await page.mouse.up()
    await page.get_by_role("menuitemradio", name="Cubemap (3").wait_for()
    await page.keyboard.press("Escape")
    await page.get_by_role("menuitem", name="Captions").wait_for()


async def test_the_menu_works_by_keyboard_alone(visit: Opening) -> None:
    page = await visit(VOD)
    await comes_to(page, "playing")
    settings = page.get_by_role("button", name="Settings")
    await page.emulate_media(reduced_motion="reduce")
    await settings.focus()
    await page.keyboard.press("Enter")
    assert await page.locator(".menu").evaluate("(menu) => getComputedStyle(menu).opacity") == "1"  # at once
    focused = "document.activeElement.textContent"
    assert str(await page.evaluate(focused)).startswith("Quality")
    await page.keyboard.press("ArrowDown")
    assert str(await page.evaluate(focused)).startswith("Projection")
    await page.keyboard.press("Enter")
    assert str(await page.evaluate(focused)).startswith("As sent")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")  # the page's title leads back
    await page.keyboard.press("Escape")
    assert await settings.evaluate("(button) => button === document.activeElement")
    await page.keyboard.press("Enter")
    await page.keyboard.press("End")
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Escape")
    assert await settings.evaluate("(button) => button === document.activeElement")
    assert [await report(page, name) for name in ("yaw_deg", "pitch_deg")] == [
        0,
        0,
    ]  # the arrow keys did not turn the view


async def test_volume_and_mute_agree(visit: Opening) -> None:
    page = await visit(VOD)
    await comes_to(page, "playing")
    await page.get_by_role("button", name="Unmute").hover()
    await page.get_by_role("slider", name="Volume").fill("0.4")
    assert await page.evaluate("[panocast.video.muted, panocast.video.volume]") == [False, 0.4]
    await page.get_by_role("button", name="Mute").click()
    await expect(page.get_by_role("slider", name="Volume")).to_have_value("0")


async def test_the_seek_bar_shows_where_it_would_go(site: PlayerSite, visit: Opening, card_extras: None) -> None:
    site.assets["card"] = {"title": "Colour card", "thumbnails": "thumbnails.vtt"}
    page = await visit(VOD)
    await comes_to(page, "playing")
    box = await page.get_by_role("slider", name="Seek").bounding_box()
    assert box is not None

    async def there() -> bool:
        await page.mouse.move(box["x"] + box["width"] * 0.19, box["y"] + box["height"] / 2 - 1)
        await page.mouse.move(box["x"] + box["width"] * 0.19, box["y"] + box["height"] / 2)
        return await page.locator(".thumbnail").is_visible()

    await until(there)
    await page.locator(".bubble").get_by_text("0:21").wait_for()
    place = "getComputedStyle(document.querySelector('.thumbnail')).backgroundPosition"
    assert await page.evaluate(place) == "-480px 0px"  # the fourth picture of the first row: from 18 s to 24 s
    picture = await page.locator(".thumbnail").bounding_box()
    assert picture is not None
    assert (picture["width"], picture["height"]) == (160, 80)

    async def drawn() -> bool:
        shot = Image.open(io.BytesIO(await page.locator(".thumbnail").screenshot())).convert("RGB")
        ahead, left = shot.getpixel((70, 50)), shot.getpixel((30, 50))
        assert isinstance(ahead, tuple)
        assert isinstance(left, tuple)
        return name_of(ahead) == "red" and name_of(left) == "yellow"

    await until(drawn)


async def test_captions_lie_over_the_sphere_when_asked_for(site: PlayerSite, visit: Opening, card_extras: None) -> None:
    captions = [{"url": "captions.vtt", "language": "en", "label": "English"}]
    site.assets["card"] = {"title": "Colour card", "captions": captions}
    page = await visit(VOD)
    await comes_to(page, "playing")
    words = page.get_by_text("Welcome to the harbour.")
    button = page.get_by_role("button", name="Captions")
    await button.wait_for()
    assert await words.count() == 0
    await page.keyboard.press("Space")
    await comes_to(page, "paused")
    await page.get_by_role("slider", name="Seek").fill("1")
    await button.click()
    await words.wait_for()
    await page.keyboard.press("l")
    await page.get_by_text("the ships are behind you").wait_for()
    await page.keyboard.press("c")
    await page.get_by_text("the ships are behind you").wait_for(state="detached")


async def test_a_link_restores_time_and_view(browser: Browser, site: PlayerSite) -> None:
    allowed = ["clipboard-read", "clipboard-write"]
    async with watched(browser, site, viewport=DESKTOP, permissions=allowed) as context:
        await context.add_init_script(SAID)
        page = await context.new_page()
        await page.goto(site.url + VOD + "&t=6&yaw=-85&pitch=5&fov=50")
        await comes_to(page, "playing")
        assert await page.evaluate("panocast.video.currentTime") >= 5.9
        await shows(page, "yellow")
        await page.keyboard.press("Space")
        await comes_to(page, "paused")
        at_s = await page.evaluate("panocast.video.currentTime")
        await drag(page, 0, 72)
        await page.get_by_role("button", name="Share this view").click()
        await holds(page, "said.includes('Link to this moment and view copied')")
        link = await page.evaluate("navigator.clipboard.readText()")
        asked = dict(part.split("=") for part in link.split("?")[1].split("&"))
        assert asked["url"] == "/vod/card/s1/master.m3u8"
        assert int(asked["t"]) == int(at_s)
        assert (asked["yaw"], asked["pitch"], asked["fov"]) == ("-85", "15", "50")
        await page.goto(link)
        await comes_to(page, "playing")
        assert await report(page, "pitch_deg") == pytest.approx(15)


async def test_without_a_clipboard_the_link_can_be_copied_by_hand(browser: Browser, site: PlayerSite) -> None:
    async with watched(browser, site, viewport=DESKTOP) as context:
        await context.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await page.get_by_role("button", name="Share this view").click()
        assert "&yaw=0" in await page.get_by_role("textbox", name="Copy this link").input_value()


async def test_the_keys_are_listed(visit: Opening) -> None:
    page = await visit(VOD)
    await comes_to(page, "playing")
    await page.keyboard.press("?")
    await page.get_by_role("dialog", name="Keyboard shortcuts").get_by_text("Zoom in").wait_for()
    await page.keyboard.press("Escape")
    await page.get_by_role("dialog").wait_for(state="hidden")


async def test_the_controls_hide_three_seconds_after_the_sphere_came_or_somebody_moved(
    browser: Browser, site: PlayerSite
) -> None:
    arrives = asyncio.Event()

    async def late(route: Route) -> None:
        await arrives.wait()
        await route.continue_()

    async with watched(browser, site, awake=False, viewport=DESKTOP) as context:
        await context.route("**/aframe.min.js", late)
        await context.add_init_script(
            """window.first_ms = {};
            new MutationObserver(() => {
              const stage = document.querySelector('.watch');
              if (stage?.dataset.sphere === 'true') first_ms.sphere ??= performance.now();
              if (stage?.classList.contains('idle')) first_ms.idle ??= performance.now();
            }).observe(document, { attributes: true, childList: true, subtree: true });"""
        )
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await comes_to(page, "playing")
        await page.wait_for_timeout(3200)
        arrives.set()
        opacity = "getComputedStyle(document.querySelector('.bar')).opacity"
        await holds(page, f"window.first_ms?.idle && {opacity} === '0'")
        assert await page.evaluate("first_ms.idle - first_ms.sphere") > 2900

        async def there() -> bool:
            for x in (100, 110):
                await page.mouse.move(x, 100)
            return bool(await page.evaluate(opacity) == "1")

        await until(there)


async def test_a_device_that_drops_frames_gets_less(browser: Browser, site: PlayerSite) -> None:
    async with watched(browser, site, viewport=DESKTOP) as context:
        await context.add_init_script(
            """HTMLVideoElement.prototype.getVideoPlaybackQuality = () => {
              const totalVideoFrames = Math.round(performance.now() / 20);
              return { totalVideoFrames, droppedVideoFrames: window.fast ? 0 : Math.round(totalVideoFrames / 2) };
            };"""
        )
        await context.add_init_script(SAID)

        async def lighten(route: Route) -> None:
            """Says that each rung is so small that no network is too slow for it: here it is the device alone."""
            answer = await route.fetch()
            smaller = re.sub(r"BANDWIDTH=(\d+)", lambda rate: f"BANDWIDTH={int(rate[1]) // 50}", await answer.text())
            await route.fulfill(response=answer, body=smaller)

        await context.route("**/master.m3u8", lighten)
        page = await context.new_page()
        await page.goto(site.url + "/?url=/vod/halves/s1/master.m3u8")
        await holds(page, "said.includes('This device cannot keep up')")
        await holds(page, "panocast.video.videoWidth === 320")
        await page.evaluate("window.fast = true")
        await page.get_by_role("button", name="Settings").press("Enter")
        await page.get_by_role("menuitem", name="Quality").click()
        await page.get_by_role("menuitemradio", name="Auto").click()  # asks again for whatever this device can
        await holds(page, "panocast.video.videoWidth === 640")


async def test_what_the_graphics_chip_cannot_hold_is_not_offered(browser: Browser, site: PlayerSite) -> None:
    async with watched(browser, site, viewport=DESKTOP) as context:
        await context.add_init_script(
            """const ask = WebGL2RenderingContext.prototype.getParameter;
            WebGL2RenderingContext.prototype.getParameter = function (what) {
              return what === this.MAX_TEXTURE_SIZE ? 4096 : ask.call(this, what);
            };"""
        )

        async def widen(route: Route) -> None:
            answer = await route.fetch()
            await route.fulfill(response=answer, body=(await answer.text()).replace("640x320", "8192x4096"))

        await context.route("**/master.m3u8", widen)
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await holds(page, "window.panocast?.video.videoWidth === 320")
        await shows(page, "red")


async def test_a_native_player_stands_in_where_there_is_no_media_source(browser: Browser, site: PlayerSite) -> None:
    async with watched(browser, site, viewport=DESKTOP) as context:
        await context.add_init_script(
            """for (const name of ['MediaSource', 'ManagedMediaSource', 'WebKitMediaSource']) delete window[name];
            HTMLMediaElement.prototype.canPlayType = () => 'maybe';"""
        )
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await holds(page, "window.panocast?.video.getAttribute('src')?.endsWith('/vod/card/s1/master.m3u8')")
        await page.get_by_role("button", name="Settings").click()
        await page.get_by_role("menuitem", name="Quality").click()
        await page.get_by_text("Chosen by this browser").wait_for()
