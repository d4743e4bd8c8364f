"""The player page in a real browser: what is on the sphere, how it is steered, and how it takes trouble."""

from __future__ import annotations

import io
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser, BrowserContext, Page, Request, ViewportSize

from tests.e2e.player_site import (
    BLINKER_YAW_DEG,
    Channel,
    PlayerSite,
    install_player,
    make_recording,
    make_segments,
)
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

DESKTOP: ViewportSize = {"width": 640, "height": 360}
PHONE: ViewportSize = {"width": 360, "height": 640}
LIVE = "/?url=/hls/event.m3u8"
VOD = "/?url=/vod/card/s1/master.m3u8"
HALVES = "drawbox=w=320:h=320:color=red:t=fill,drawbox=x=320:w=320:h=320:color=lime:t=fill"
FLOORS = "drawbox=w=640:h=160:color=red:t=fill,drawbox=y=160:w=640:h=160:color=lime:t=fill"

Opening = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings under `vod/`, live segments under `segments/`."""
    folder = tmp_path_factory.mktemp("player")
    await install_player()
    await make_recording(folder / "vod" / "card" / "s1")
    await make_recording(folder / "vod" / "halves" / "s1", 90, picture=HALVES)
    await make_recording(folder / "vod" / "floors" / "s1", 30, picture=FLOORS)
    await make_segments(folder / "segments")
    return folder


@pytest_asyncio.fixture(loop_scope="session")
async def site(media: Path) -> AsyncIterator[PlayerSite]:
    served = PlayerSite(media / "vod", Channel(media / "segments"))
    await served.start()
    yield served
    await served.close()


@asynccontextmanager
async def watched(browser: Browser, site: PlayerSite, **options: Any) -> AsyncIterator[BrowserContext]:
    """A browsing context that fails the test when a page breaks its policy, throws, or asks another host."""
    complaints: list[str] = []

    def note_request(request: Request) -> None:
        if not request.url.startswith((f"{site.url}/", f"blob:{site.url}/", "data:")):
            complaints.append(f"asked elsewhere: {request.url}")

    context = await browser.new_context(**options)
    try:
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
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, site: PlayerSite) -> AsyncIterator[Opening]:
    """Opens a page of the site in a small desktop window."""
    async with watched(browser, site, viewport=DESKTOP) as context:

        async def opened(path: str) -> Page:
            page = await context.new_page()
            await page.goto(site.url + path)
            return page

        yield opened


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
    """The colour on the screen at an angle from its middle, averaged over a few pixels."""
    size = page.viewport_size
    assert size is not None
    fov_deg = 75 if size["width"] >= size["height"] else 95
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

    async def hold(key: str, enough: Callable[[float, float], bool]) -> None:
        async def reached() -> bool:
            return enough(await report(page, "yaw_deg"), await report(page, "pitch_deg"))

        await page.keyboard.down(key)
        await until(reached, every_s=0.02)
        await page.keyboard.up(key)

    await hold("ArrowLeft", lambda yaw, pitch: yaw < -75)
    await shows(page, "yellow")
    await hold("ArrowDown", lambda yaw, pitch: pitch < -70)
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


async def test_a_live_stream_starts_by_itself_near_the_live_edge(site: PlayerSite, visit: Opening) -> None:
    site.channel.start()
    site.list_live(title="Harbour")
    page = await visit(LIVE)
    await comes_to(page, "playing")
    await shows(page, "red")
    for colour in ("cyan", "magenta", "cyan"):
        await shows(page, colour, right_deg=BLINKER_YAW_DEG)
    assert 0.5 < await report(page, "delay_s") < 4.5
    await page.get_by_role("heading", name="Harbour").wait_for()
    assert await page.evaluate("panocast.video.muted && !panocast.video.paused")
    await page.get_by_role("button", name="Tap for sound").click()
    assert not await page.evaluate("panocast.video.muted")


async def test_an_offline_stream_says_so_and_starts_when_it_comes(site: PlayerSite, visit: Opening) -> None:
    page = await visit(LIVE)
    await comes_to(page, "offline")
    await page.get_by_text("“event” is not live right now").wait_for()
    site.channel.start()
    site.list_live()
    await comes_to(page, "playing")
    await shows(page, "red")
    assert await page.get_by_text("not live").count() == 0


async def test_an_unlisted_stream_plays_all_the_same(site: PlayerSite, visit: Opening) -> None:
    site.channel.start()
    page = await visit(LIVE)
    await shows(page, "red")


async def test_what_a_dead_origin_left_behind_is_not_played(site: PlayerSite, visit: Opening) -> None:
    site.channel.start()
    site.channel.freeze()
    page = await visit(LIVE)
    await comes_to(page, "offline")


@pytest.mark.parametrize("how", ["gone", "frozen"])
async def test_a_stream_that_ends_and_comes_back_goes_on(site: PlayerSite, visit: Opening, how: str) -> None:
    site.channel.start()
    site.list_live()
    page = await visit(LIVE)
    await comes_to(page, "playing")
    if how == "gone":
        site.channel.stop()
    else:
        site.channel.freeze()
    site.live["live"] = []
    await comes_to(page, "ended")
    await page.get_by_text("The stream has ended").wait_for()
    site.channel.skipped = site.channel.numbered_from = 40
    site.channel.start()
    site.list_live()
    await comes_to(page, "playing")
    await shows(page, "red")


async def test_a_failover_that_starts_numbering_anew_is_survived(site: PlayerSite, visit: Opening) -> None:
    site.channel.skipped = 30
    site.channel.start()
    site.list_live()
    page = await visit(LIVE)
    await comes_to(page, "playing")
    site.channel.fail_over()

    async def plays_the_other_origin() -> bool:
        loaded = "performance.getEntriesByType('resource').filter((e) => e.name.includes('/b-')).length > 3"
        return bool(await page.evaluate(loaded)) and await report(page, "state") == "playing"

    await until(plays_the_other_origin)
    for colour in ("cyan", "magenta", "cyan"):
        await shows(page, colour, right_deg=BLINKER_YAW_DEG)


async def test_a_lost_network_is_said_and_survived(site: PlayerSite, visit: Opening) -> None:
    site.channel.start()
    site.list_live()
    page = await visit(LIVE)
    await comes_to(page, "playing")
    site.down = True
    await page.get_by_text("No connection to the server").wait_for(timeout=60_000)
    site.down = False
    await comes_to(page, "playing")


async def test_a_recording_goes_on_where_the_network_was_lost(site: PlayerSite, visit: Opening) -> None:
    page = await visit("/?url=/vod/halves/s1/master.m3u8")
    await comes_to(page, "playing")
    site.down = True
    await page.evaluate("panocast.video.currentTime = 80")  # much further than it loads ahead
    await page.get_by_text("No connection to the server").wait_for(timeout=60_000)
    site.down = False
    await comes_to(page, "playing")
    assert await page.evaluate("panocast.video.currentTime") >= 79


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


async def test_controls_of_a_recording(site: PlayerSite, visit: Opening) -> None:
    site.assets["card"] = {"id": "card/s1", "title": "Colour card", "projection": "equirectangular", "stereo": "mono"}
    page = await visit(VOD)
    await comes_to(page, "playing")
    await page.get_by_role("heading", name="Colour card").wait_for()
    await page.keyboard.press("Space")
    await comes_to(page, "paused")
    await page.get_by_role("slider", name="Seek").fill("7")
    assert await page.evaluate("panocast.video.currentTime") == pytest.approx(7, abs=0.5)
    await page.get_by_text("0:07 / 0:12").wait_for()
    await page.locator(".bar").get_by_role("button", name="Play").click()
    await comes_to(page, "playing")
    await page.keyboard.press("m")
    assert not await page.evaluate("panocast.video.muted")
    await page.keyboard.press("f")
    await holds(page, "document.fullscreenElement !== null")
    await page.keyboard.press("f")
    await holds(page, "document.fullscreenElement === null")
    await page.get_by_role("slider", name="Seek").fill("11.5")
    await comes_to(page, "ended")
    await page.get_by_role("button", name="Watch again").first.click()
    await comes_to(page, "playing")
    assert await page.evaluate("panocast.video.currentTime") < 5


async def test_the_quality_menu_names_every_rung_and_switches(visit: Opening) -> None:
    page = await visit(VOD)
    await comes_to(page, "playing")
    menu = page.get_by_role("combobox", name="Quality")
    names = await menu.locator("option").all_text_contents()
    assert [name.split(" · ")[0] for name in names] == ["Auto", "640 × 320", "320 × 160"]
    await menu.select_option(index=2)
    await holds(page, "panocast.video.videoWidth === 320")
    await menu.select_option(index=1)
    await holds(page, "panocast.video.videoWidth === 640")


async def test_pausing_a_live_stream_comes_back_at_the_live_edge(site: PlayerSite, visit: Opening) -> None:
    site.channel.start()
    site.list_live()
    page = await visit(LIVE)
    await comes_to(page, "playing")
    await page.keyboard.press("Space")
    await comes_to(page, "paused")
    before_s = await page.evaluate("panocast.video.currentTime")
    await page.wait_for_timeout(4000)
    await page.get_by_role("button", name="Go to live").click()
    await comes_to(page, "playing")
    assert await page.evaluate("panocast.video.currentTime") > before_s + 2


@pytest.mark.parametrize(
    ("name", "stereo", "ahead"),
    [("floors", "top-bottom", "red"), ("halves", "left-right", "red"), ("floors", "mono", None)],
)
async def test_flat_screens_show_the_left_eye(
    site: PlayerSite, visit: Opening, name: str, stereo: str, ahead: str | None
) -> None:
    site.assets[name] = {"projection": "equirectangular", "stereo": stereo}
    page = await visit(f"/?url=/vod/{name}/s1/master.m3u8")
    await comes_to(page, "playing")
    for _ in range(2):
        # Below the horizon the lower half of a mono picture shows, which would be the right eye of a stereo one.
        await drag(page, 0, -120)
    await shows(page, ahead or "lime")
    await drag(page, -300)
    await shows(page, ahead or "lime")


async def test_a_half_sphere_has_nothing_behind(site: PlayerSite, visit: Opening) -> None:
    site.assets["halves"] = {"projection": "half-equirectangular", "stereo": "mono"}
    page = await visit("/?url=/vod/halves/s1/master.m3u8")
    await shows(page, "red", right_deg=-45)
    await shows(page, "lime", right_deg=45)
    for _ in range(3):
        await drag(page, -290)
    await shows(page, "black")


async def test_a_projection_it_cannot_wrap_is_shown_flat_and_said(site: PlayerSite, visit: Opening) -> None:
    site.assets["halves"] = {"projection": "dual-fisheye", "stereo": "mono"}
    page = await visit("/?url=/vod/halves/s1/master.m3u8")
    await page.get_by_text("cannot wrap dual-fisheye video").wait_for()
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


async def test_a_library_out_of_reach_says_so_and_recovers(site: PlayerSite, visit: Opening) -> None:
    page = await visit("/")
    await page.get_by_text("Nothing here yet").wait_for()
    site.down = True
    await page.get_by_text("The server does not answer").wait_for()
    site.down = False
    await page.get_by_text("The server does not answer").wait_for(state="hidden")


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
