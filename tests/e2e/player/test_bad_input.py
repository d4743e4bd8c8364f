"""Whatever is wrong with a link, a stream or a browser: it is said in words, and nothing leaves this server."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.async_api import Browser

from tests.e2e.player.watching import DESKTOP, LIVE, VOD, Opening, comes_to, report, shows, watched
from tests.e2e.player_site import Channel, PlayerSite, make_sound

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "names no stream"),
        ("javascript:alert(1)", "Only http and https"),
        ("data:application/vnd.apple.mpegurl,%23EXTM3U", "Only http and https"),
        ("https://elsewhere.invalid/hls/event.m3u8", "only opens streams of its own server"),
        ("//elsewhere.invalid/hls/event.m3u8", "only opens streams of its own server"),
        ("\\\\elsewhere.invalid\\x.m3u8", "only opens streams of its own server"),
        ("http://[", "cannot be understood"),
    ],
)
async def test_an_address_elsewhere_is_refused_in_words(visit: Opening, address: str, words: str) -> None:
    page = await visit("/?url=" + quote(address, safe=""))
    await page.get_by_role("alert").get_by_text(words).wait_for()
    assert await page.locator("video").count() == 0
    await page.get_by_role("link", name="Back to the library").wait_for()


async def test_an_absolute_address_of_the_same_server_plays(site: PlayerSite, visit: Opening) -> None:
    page = await visit("/?url=" + quote(f"{site.url}/vod/card/s1/master.m3u8", safe=""))
    await comes_to(page, "playing")


async def test_something_that_is_no_stream_is_said(visit: Opening) -> None:
    page = await visit("/?url=/icon.svg")
    await comes_to(page, "error")
    await page.get_by_text("does not hold a video stream").wait_for()
    await page.get_by_role("button", name="Try again").wait_for()


async def test_a_codec_that_the_browser_lacks_is_said(site: PlayerSite, visit: Opening) -> None:
    site.channel.codecs = "dvh1.05.06,mp4a.40.2"
    site.channel.start()
    page = await visit(LIVE)
    await comes_to(page, "error")
    await page.get_by_text("cannot play the format").wait_for()


async def test_damaged_media_is_said_and_can_be_tried_again(site: PlayerSite, visit: Opening) -> None:
    site.channel.garbage = True
    site.channel.start()
    page = await visit(LIVE)
    await page.get_by_text("its data is damaged").wait_for(timeout=60_000)
    site.channel.garbage = False
    await page.get_by_role("button", name="Try again").click()
    await comes_to(page, "playing")


async def test_a_missing_recording_is_said(visit: Opening) -> None:
    page = await visit("/?url=/vod/card/s2/master.m3u8")
    await comes_to(page, "offline")
    await page.get_by_text("This recording is not here").wait_for()


async def test_a_projection_nobody_knows_is_shown_flat_and_said(site: PlayerSite, visit: Opening) -> None:
    site.assets["halves"] = {"projection": "tetrahedron", "stereo": "mono"}
    page = await visit("/?url=/vod/halves/s1/master.m3u8")
    await page.get_by_text("does not know the projection “tetrahedron”").wait_for()
    assert await report(page, "sphere") is False
    await shows(page, "red", right_deg=-20)
    await shows(page, "lime", right_deg=20)


async def test_without_webgl_the_picture_is_flat_and_said(visit: Opening, site: PlayerSite, browser: Browser) -> None:
    async with watched(browser, site, viewport=DESKTOP) as context:
        await context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await page.get_by_text("no WebGL").wait_for()
        await comes_to(page, "playing")
        await shows(page, "red")


async def test_forbidden_autoplay_leaves_a_play_button(browser: Browser, site: PlayerSite) -> None:
    async with watched(browser, site, viewport=DESKTOP) as context:
        await context.add_init_script(
            """let pressed = false;
            addEventListener('click', () => (pressed = true), true);
            const play = HTMLMediaElement.prototype.play;
            HTMLMediaElement.prototype.play = function () {
              return pressed
                ? play.call(this) : Promise.reject(new DOMException('no', 'NotAllowedError'));
            };"""
        )
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await comes_to(page, "paused")
        await page.locator(".big-play").click()
        await comes_to(page, "playing")


async def test_a_script_that_does_not_arrive_is_said(browser: Browser, site: PlayerSite) -> None:
    page = await browser.new_page(viewport=DESKTOP)
    for script, words in [
        ("dom.js", "This page could not be loaded"),
        ("hls.min.mjs", "The player could not be loaded"),
    ]:
        await page.route(f"**/{script}", lambda route: route.abort())
        await page.goto(site.url + VOD)
        await page.get_by_text(words).wait_for()
        await page.unroute_all()
    await page.get_by_role("button", name="Try again").click()
    await comes_to(page, "playing")
    await page.close()


async def test_storage_may_be_forbidden(browser: Browser, site: PlayerSite) -> None:
    async with watched(browser, site, viewport=DESKTOP) as context:
        await context.add_init_script(
            """for (const name of ['localStorage', 'sessionStorage', 'indexedDB'])
              Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });"""
        )
        page = await context.new_page()
        await page.goto(site.url + VOD)
        await shows(page, "red")
        assert await context.cookies() == []


async def test_the_inspector_of_the_scene_library_stays_away(visit: Opening) -> None:
    page = await visit(VOD)
    await shows(page, "red")
    await page.keyboard.press("Control+Alt+i")
    assert await page.locator("script[data-name=aframe-inspector]").count() == 0


async def test_an_audio_only_stream_is_said(site: PlayerSite, visit: Opening, media: Path) -> None:
    folder = media / "vod" / "sound" / "s1"
    if not folder.exists():
        await make_sound(folder)
    page = await visit("/?url=/vod/sound/s1/master.m3u8")
    await comes_to(page, "playing")
    await page.get_by_text("has sound but no picture").wait_for()


async def test_a_recording_that_is_replaced_goes_on(site: PlayerSite, visit: Opening, media: Path) -> None:
    old, new = media / "vod" / "again" / "s1", media / "vod" / "again" / "s2"
    shutil.copytree(media / "vod" / "halves" / "s1", old)
    page = await visit("/?url=/vod/again/s1/master.m3u8")
    await comes_to(page, "playing")
    old.rename(new)
    old.mkdir()
    await page.evaluate("panocast.video.currentTime = 80")
    await page.get_by_text("This recording is not here").or_(page.get_by_text("The picture has stopped")).wait_for()
    text = (new / "master.m3u8").read_text()
    (old / "master.m3u8").write_text(re.sub(r"(r\d\.m3u8)", r"../s2/\1", text))
    await comes_to(page, "playing")
    assert await page.evaluate("panocast.video.currentTime") >= 79


async def test_another_server_is_played_only_where_this_one_names_it(site: PlayerSite, browser: Browser) -> None:
    other = PlayerSite(site.media, Channel(site.channel.segments))
    await other.start()
    try:
        page = await browser.new_page(viewport=DESKTOP)
        await page.goto(f"{site.url}/?url={other.url}/vod/card/s1/master.m3u8")
        await page.get_by_role("alert").get_by_text("only opens streams of its own server").wait_for()
        site.others = [other.url]
        await page.reload()
        await shows(page, "red")
        await page.close()
    finally:
        await other.close()


@pytest.mark.parametrize("path", [LIVE, VOD, "/?url=//elsewhere.invalid/x.m3u8", "/"])
async def test_a_very_narrow_window_shows_everything(browser: Browser, site: PlayerSite, path: str) -> None:
    site.channel.start()
    site.list_live(title="A very long title that no narrow window can possibly show in one line")
    async with watched(browser, site, viewport={"width": 320, "height": 480}) as context:
        page = await context.new_page()
        await page.goto(site.url + path)
        if "/hls/" in path or "/vod/" in path:
            await comes_to(page, "playing")
        else:
            await page.get_by_role("link").first.wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        outside = """[...document.querySelectorAll('button, a, input, h1')]
            .filter((element) => element.checkVisibility({ opacityProperty: true }))
            .map((element) => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])
            .filter(([, { left, right }]) => left < 0 || right > 320).map(([html]) => html)"""
        assert await page.evaluate(outside) == []
