"""The player in Chromium: from a link to the first picture and to the sphere, and how it draws while somebody drags.

Without a graphics chip everything is drawn in software, so seconds and frames are this machine's; what carries over is
the ratio to a bare page that plays the same stream flat with hls.js, and the page's own work on each frame. A small
window leaves software little to draw: what is slow there is slow by our own doing.
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
from tests.e2e.player.watching import VOD, holds
from tests.e2e.player_site import Channel, PlayerSite, install_player, make_recording

LAPTOP: ViewportSize = {"width": 1280, "height": 720}
SMALL: ViewportSize = {"width": 320, "height": 180}
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

# Milliseconds from opening the page to a picture that moves, and to one on the sphere.
_FIRST = """() => new Promise((done) => {
  let picture_ms = 0;
  const look = (now_ms) => {
    const { video, sphere } = window.panocast ?? {};
    if (!picture_ms && video?.videoWidth && video.currentTime > 0) picture_ms = now_ms;
    if (picture_ms && sphere) done([picture_ms, now_ms]);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
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
    """First picture of a recording, ours and bare in turn, each with an empty cache; then drags."""
    async with _page_of_site() as (site, browser):
        ours, bare = [], []
        for _ in range(runs):
            ours.append(await _first(await browser(), site.url + VOD))
            bare.append(await _first(await browser(), f"{site.url}/vod/card/s1/bare.html"))
        context = await browser()
        blank = await context.new_page()
        most_fps = float(await blank.evaluate(_DRAG, DRAG_MS))
        await blank.close()
        drags = {(size["width"], size["height"]): await _drag(context, site, size) for size in (LAPTOP, SMALL)}
    pictures, spheres = zip(*ours, strict=True)
    flat = [picture for picture, _ in bare]
    ratio = statistics.median(o / b for o, b in zip(pictures, flat, strict=True))
    return [
        f"opening to first picture, {runs} runs: median {statistics.median(pictures):.1f} s, "
        f"worst {max(pictures):.1f} s (aim 2 s); {ratio:.1f} times a bare page with hls.js alone "
        f"({statistics.median(flat):.1f} s); to the sphere: median {statistics.median(spheres):.1f} s, "
        f"worst {max(spheres):.1f} s",
        *(
            f"drag at {width}x{height}, drawn in software: {fps:.0f} frames/s, {fps / most_fps:.0%} of an empty page's "
            f"{most_fps:.0f} (aim 60 with a graphics chip); script {script_ms:.1f} ms a frame, "
            f"{script_ms / FRAME_MS:.0%} of what 60 allow"
            for (width, height), (fps, script_ms) in drags.items()
        ),
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


async def _first(context: BrowserContext, url: str) -> tuple[float, float]:
    """Seconds from opening a page to its first picture, and to the sphere."""
    page = await context.new_page()
    await page.goto(url, wait_until="commit")
    picture_ms, sphere_ms = await page.evaluate(_FIRST)
    await context.close()
    return picture_ms / 1000, sphere_ms / 1000


async def _drag(context: BrowserContext, site: PlayerSite, size: ViewportSize) -> tuple[float, float]:
    """Frames per second, and milliseconds of script for each, while the picture is dragged."""
    page = await context.new_page()
    await page.set_viewport_size(size)
    await page.goto(site.url + VOD)
    await holds(page, "window.panocast?.sphere && panocast.video.currentTime > 1")
    devtools = await context.new_cdp_session(page)
    await devtools.send("Performance.enable")

    async def script_s() -> float:
        told = await devtools.send("Performance.getMetrics")
        return float(next(entry["value"] for entry in told["metrics"] if entry["name"] == "ScriptDuration"))

    before_s = await script_s()
    fps = float(await page.evaluate(_DRAG, DRAG_MS))
    spent_s = await script_s() - before_s
    await page.close()
    return fps, 1000 * spent_s / (fps * DRAG_MS / 1000)
