"""Live streams: at the live edge, and through whatever happens to the stream."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, Request, Route

from tests.e2e.player.watching import (
    DESKTOP,
    LIVE,
    SIGNED_LIVE,
    Opening,
    comes_to,
    holds,
    report,
    shows,
    until,
    watched,
)
from tests.e2e.player_site import BLINKER_YAW_DEG, PlayerSite

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

# Is late, and hurries; not so late that it would rather jump.
LATE = (
    "panocast.delay_s < 2.8 && (panocast.video.currentTime -= 3.3 - panocast.delay_s), panocast.video.playbackRate > 1"
)

# Counts how often the page says that it plays while there is nothing to play.
WATCH_WORD = """() => {
  const stage = document.querySelector('.watch');
  window.untrue = 0;
  new MutationObserver(() => (untrue += stage.dataset.state === 'playing' && panocast.video.readyState <= 2))
    .observe(stage, { attributeFilter: ['data-state'] });
}"""


async def test_a_live_stream_starts_by_itself_near_the_live_edge(site: PlayerSite, visit: Opening) -> None:
    site.channel.start()
    site.list_live(title="Harbour")
    page = await visit(LIVE)
    await comes_to(page, "playing")
    await shows(page, "red")
    for colour in ("cyan", "magenta", "cyan"):
        await shows(page, colour, right_deg=BLINKER_YAW_DEG)
    await holds(page, "panocast.delay_s > 0.5 && panocast.delay_s < 4.5")
    await page.get_by_role("heading", name="Harbour").wait_for()
    assert await page.evaluate("panocast.video.muted && !panocast.video.paused")
    assert await page.get_by_role("status").count() == 2  # there, and listened to, before they have something to say
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


async def test_what_a_dead_origin_left_behind_is_not_played(browser: Browser, site: PlayerSite) -> None:
    site.channel.start()
    site.channel.freeze()
    listed = asyncio.Event()

    def note(request: Request) -> None:
        if request.url.endswith("/live.json"):
            listed.set()

    async def after_the_list(route: Route) -> None:
        await listed.wait()
        await route.continue_()

    async with watched(browser, site, viewport=DESKTOP) as context:
        context.on("requestfinished", note)
        await context.route("**/640.m3u8", after_the_list)
        page = await context.new_page()
        await page.goto(site.url + LIVE)
        await comes_to(page, "offline")


@pytest.mark.parametrize("how", ["gone", "frozen"])
async def test_a_stream_that_ends_and_comes_back_goes_on(site: PlayerSite, visit: Opening, how: str) -> None:
    site.channel.start()
    site.list_live()
    page = await visit(LIVE)
    await comes_to(page, "playing")
    await page.evaluate(WATCH_WORD)
    if how == "gone":
        site.channel.stop()
    else:
        site.channel.freeze()
    site.live["live"] = []
    await comes_to(page, "ended")
    await page.get_by_text("The stream has ended").wait_for()
    assert await page.evaluate("untrue") == 0
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


async def test_pausing_a_live_stream_comes_back_at_the_live_edge(site: PlayerSite, visit: Opening) -> None:
    site.channel.start()
    site.list_live()
    page = await visit(LIVE)
    await comes_to(page, "playing")
    await page.keyboard.press("Space")
    await comes_to(page, "paused")
    edge = "panocast.video.seekable.end(0)"
    before_s, edge_s = await page.evaluate(f"[panocast.video.currentTime, {edge}]")
    again = "panocast.video.addEventListener('playing', () => (window.again_s ??= panocast.video.currentTime))"
    await page.evaluate(f"{again}, true")
    await holds(page, f"{edge} > {edge_s + 3}")
    await page.get_by_role("button", name="Go to live").click()
    await comes_to(page, "playing")
    assert await page.evaluate("again_s") > before_s + 2


async def test_gaps_and_breaks_of_the_timeline_are_got_over(site: PlayerSite, visit: Opening) -> None:
    channel = site.channel
    channel.fmp4, channel.skipped = True, 10
    channel.codecs = "avc1.42c015,mp4a.40.2"
    channel.gaps, channel.breaks = frozenset({22, 23}), frozenset({28})
    channel.start()
    site.list_live()
    page = await visit(LIVE)
    await comes_to(page, "playing")

    async def beyond() -> bool:
        late = "performance.getEntriesByType('resource').filter((e) => /-(3[2-9]|[4-9]\\d)\\.m4s/.test(e.name))"
        return bool(await page.evaluate(f"{late}.length > 2")) and await report(page, "state") == "playing"

    await until(beyond)
    for colour in ("cyan", "magenta", "cyan"):
        await shows(page, colour, right_deg=BLINKER_YAW_DEG)
    asked = await page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    assert not [url for url in asked if url.endswith(("-22.m4s", "-23.m4s"))]


async def test_a_network_too_slow_for_the_first_guess_gets_the_small_rung(site: PlayerSite, visit: Opening) -> None:
    site.channel.bits_per_s = {"640": 3_000_000, "320": 300_000}
    site.network_bits_per_s = 600_000
    site.channel.start()
    site.list_live()
    page = await visit(LIVE)
    await holds(page, "window.panocast?.state === 'playing' && panocast.video.videoWidth === 320")


async def test_a_live_stream_that_is_late_catches_up_and_then_keeps_its_pace(site: PlayerSite, visit: Opening) -> None:
    site.channel.start()
    site.list_live()
    page = await visit(LIVE)
    await comes_to(page, "playing")
    await holds(page, LATE)
    await page.evaluate("Object.defineProperty(document, 'hidden', { value: true }), 1")  # whoever leaves still listens
    await holds(page, "panocast.video.playbackRate === 1 && panocast.delay_s < 3.5")


@pytest.mark.parametrize("what", ["page", "network"])
async def test_a_viewer_who_was_starved_is_soon_at_the_live_edge_again(
    site: PlayerSite, visit: Opening, what: str
) -> None:
    site.channel.window = 20  # what was missed is still offered
    site.channel.start()
    site.list_live()
    page = await visit(LIVE)
    await comes_to(page, "playing")
    if what == "page":
        await page.evaluate("() => { const until = Date.now() + 10000; while (Date.now() < until); }")
    else:
        site.down = True
        await page.wait_for_timeout(6000)
        site.down = False
    steady = "panocast.state === 'playing' && panocast.delay_s < 4"  # two segments more than it should be

    async def stays() -> bool:
        await holds(page, steady)
        await page.wait_for_timeout(2000)
        return bool(await page.evaluate(steady))

    assert await stays() or await stays(), "it came back, and left again"


async def test_a_live_playlist_that_ends_says_so(site: PlayerSite, visit: Opening) -> None:
    site.channel.start()
    site.list_live()
    page = await visit(LIVE)
    await comes_to(page, "playing")
    await holds(page, LATE)
    site.channel.freeze()
    site.channel.over = True
    site.live["live"] = []
    await page.get_by_text("The stream has ended").wait_for(timeout=60_000)
    assert await page.evaluate("panocast.video.playbackRate") == 1


@pytest.mark.parametrize("link", [LIVE, SIGNED_LIVE])
async def test_a_listed_layout_lies_on_the_sphere_as_it_comes(site: PlayerSite, visit: Opening, link: str) -> None:
    site.channel.start()
    site.list_live(stereo="left-right")
    page = await visit(link)
    await comes_to(page, "playing")
    # The left half of the card is all that the left eye has: its middle is yellow, where mono is red.
    await shows(page, "yellow")
