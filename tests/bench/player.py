"""The player in Chromium: from opening a link to the first picture, and how it draws while somebody drags.

Without a graphics chip everything is drawn in software, so seconds and frames are this machine's; what carries over is
the ratio to a bare page that plays the same stream flat with hls.js, and the page's own work on each frame.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, ViewportSize, async_playwright

from tests.e2e.browser import launch_chromium
from tests.e2e.player.watching import VOD, comes_to
from tests.e2e.player_site import Channel, PlayerSite, install_player, make_recording

LAPTOP: ViewportSize = {"width": 1280, "height": 720}
DRAG_MS = 4000
FRAME_MS = 1000 / 60

_BARE = """<!doctype html><title>bare</title><video muted></video><script type="module">
import Hls from '/vendor/hls.min.mjs';
const video = document.querySelector('video');
const hls = new Hls({ enableWorker: false });
hls.loadSource('master.m3u8');
hls.attachMedia(video);
void video.play();
window.panocast = { video, sphere: true };
</script>"""

_FIRST_PICTURE = """() => new Promise((done) => {
  const look = () => {
    const video = window.panocast?.video;
    if (video?.videoWidth && window.panocast.sphere && video.currentTime > 0) done(performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""

# Moves as a hand does, by pointer events on the surface, one for each frame; gives frames per second.
_DRAG = """(duration_ms) => new Promise((done) => {
  const surface = document.querySelector('.surface') ?? document.body;
  const at = (type, x) => surface.dispatchEvent(new PointerEvent(type, {
    pointerId: 1, pointerType: 'mouse', isPrimary: true, buttons: 1, bubbles: true, clientX: x, clientY: 360 }));
  at('pointerdown', 640);
  let frames = 0;
  const begun_ms = performance.now();
  const frame = (now_ms) => {
    if (now_ms - begun_ms > duration_ms) {
      at('pointerup', 640);
      return done(1000 * frames / (now_ms - begun_ms));
    }
    frames++;
    at('pointermove', 640 + 300 * Math.sin(now_ms / 300));
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})"""


async def bench_player(*, runs: int) -> list[str]:
    """First picture of a recording, ours and bare in turn, each with an empty cache; then a drag."""
    async with _page_of_site() as (site, browser):
        ours, bare = [], []
        for _ in range(runs):
            ours.append(await _first(await browser(), site.url + VOD))
            bare.append(await _first(await browser(), f"{site.url}/vod/card/s1/bare.html"))
        context = await browser()
        blank = await context.new_page()
        most_fps = float(await blank.evaluate(_DRAG, DRAG_MS))
        await blank.close()
        fps, script_ms = await _drag(context, site)
    ratio = statistics.median(o / b for o, b in zip(ours, bare, strict=True))
    return [
        f"opening to first picture, {runs} runs: median {statistics.median(ours):.1f} s, worst {max(ours):.1f} s "
        f"(aim 2 s); {ratio:.1f} times a bare page with hls.js alone ({statistics.median(bare):.1f} s)",
        f"drag at {LAPTOP['width']}x{LAPTOP['height']}, drawn in software: {fps:.0f} frames/s, {fps / most_fps:.0%} of "
        f"an empty page's {most_fps:.0f} (aim 60 with a graphics chip); the page's own work {script_ms:.1f} ms a "
        f"frame, {script_ms / FRAME_MS:.0%} of what 60 allow",
    ]


@asynccontextmanager
async def _page_of_site() -> AsyncIterator[tuple[PlayerSite, Any]]:
    await install_player()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "vod" / "card" / "s1"
        await make_recording(folder, 20)
        (folder / "bare.html").write_text(_BARE)
        site = PlayerSite(Path(name) / "vod", Channel(Path(name)))
        await site.start()
        async with async_playwright() as playwright:
            browser = await launch_chromium(playwright)
            try:
                yield site, lambda: browser.new_context(viewport=LAPTOP)
            finally:
                await browser.close()
                await site.close()


async def _first(context: BrowserContext, url: str) -> float:
    """Seconds from opening a page to its first picture."""
    page = await context.new_page()
    await page.goto(url, wait_until="commit")
    seconds = float(await page.evaluate(_FIRST_PICTURE)) / 1000
    await context.close()
    return seconds


async def _drag(context: BrowserContext, site: PlayerSite) -> tuple[float, float]:
    """Frames per second, and milliseconds of script for each, while the picture is dragged."""
    page = await context.new_page()
    await page.goto(site.url + VOD)
    await comes_to(page, "playing")
    devtools = await context.new_cdp_session(page)
    await devtools.send("Performance.enable")

    async def script_s() -> float:
        told = await devtools.send("Performance.getMetrics")
        return float(next(entry["value"] for entry in told["metrics"] if entry["name"] == "ScriptDuration"))

    before_s = await script_s()
    fps = float(await page.evaluate(_DRAG, DRAG_MS))
    return fps, 1000 * (await script_s() - before_s) / (fps * DRAG_MS / 1000)
