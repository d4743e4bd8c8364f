"""Delays of the live path: publish to first playable segment, and glass to glass as Chromium shows it."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from panocast.hls import parse_media_playlist
from panocast.ladder import Size
from panocast.process import Child, Command, run
from panocast.testcard import Card, find_fonts, render_argv
from panocast.testcard_clock import ClockUnreadableError, clock_directions, elapsed_ms, equirect_xy, read_clock
from tests.e2e.browser import launch_chromium
from tests.e2e.platform import Platform, platform, publishing
from tests.e2e.screen import Settings, screen
from tests.waiting import eventually

SIZE = Size(1280, 640)
AIMS_S: dict[Settings, float] = {"ours": 2.5, "defaults": 4.0}
SETTLE_S = 15.0
"""So long a player takes to come to its distance from the live edge."""


def card(gop_s: float) -> Card:
    """What is published: modest, for the player decodes and draws on the same two cores."""
    return Card(size=SIZE, fps=30, gop_s=gop_s, bitrate_bps=1_500_000)


async def bench_start(*, gop_s: float, runs: int) -> list[str]:
    """From the start of an encoder to a multivariant playlist whose smallest rung has a segment, at the edge.

    The encoder sends a finished file, so that its own start takes no time that is not ours.
    """
    delays = []
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "card.mp4"
        await run(Command("render", render_argv(file, 30, replace(card(gop_s), wall_clock=False), find_fonts())))
        async with platform(Path(name) / "state") as up:
            for index in range(runs):
                encoder = Child(_send_file(file, up.publish_url(f"run{index}")))
                begun = time.monotonic()
                await encoder.start()
                try:
                    await eventually(partial(_playable, up, f"run{index}"), every_s=0.02)
                    delays.append(time.monotonic() - begun)
                finally:
                    await encoder.stop(1)
    return [
        f"publish to first playable segment, GOP {gop_s:g} s, {runs} runs: median {statistics.median(delays):.2f} s, "
        f"worst {max(delays):.2f} s (aim {gop_s + 2:g} s)"
    ]


def _send_file(file: Path, url: str) -> Command:
    return Command(
        "encoder", ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-i", str(file), "-c", "copy", "-f", "flv", url]
    )


async def _playable(up: Platform, name: str) -> bool:
    status, master = await up.get(f"/hls/{name}.m3u8")
    if status != 200:
        return False
    uri = next(line for line in reversed(master.decode().splitlines()) if line and not line.startswith("#"))
    status, text = await up.get(f"/hls/{uri}")
    return status == 200 and bool(parse_media_playlist(text.decode()).segments)


_LOOK = """(points) => {
  const video = window.panocast?.video;
  if (!video || !video.videoWidth) return null;
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const now = Date.now();
  context.drawImage(video, 0, 0);
  const luma = ([x, y]) => {
    const p = context.getImageData(Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data;
    return 0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2];
  };
  return { now, lumas: points.map(luma) };
}"""


async def look(page: Page) -> float | None:
    """Glass to glass in seconds, by the clock in the picture that is shown now; None when it cannot be read."""
    points = [equirect_xy(at, 3600, 1800) for at in clock_directions()]
    seen: Any = await page.evaluate(_LOOK, [(x / 3600, y / 1800) for x, y in points])
    if seen is None:
        return None
    try:
        made_ms = read_clock(seen["lumas"])
    except ClockUnreadableError:
        return None
    return elapsed_ms(made_ms, round(seen["now"]) % (1 << 16)) / 1000


async def bench_glass(*, gop_s: float, seconds: float) -> list[str]:
    """Publish a clock, watch it in Chromium through the edge, and compare it with the machine's: with our player's
    settings of hls.js, then with its defaults."""
    with tempfile.TemporaryDirectory() as name:
        async with platform(Path(name)) as up, async_playwright() as playwright:
            browser = await launch_chromium(playwright)
            try:
                async with publishing(up.publish_url("clock"), card(gop_s)):
                    await eventually(lambda: _playable(up, "clock"))
                    return [await _glass(browser, up, settings, gop_s, seconds) for settings in AIMS_S]
            finally:
                await browser.close()


async def _glass(browser: Browser, up: Platform, settings: Settings, gop_s: float, seconds: float) -> str:
    async with screen(browser, up.web, "clock", settings) as shown:
        await eventually(lambda: look(shown.page))
        await asyncio.sleep(SETTLE_S)
        stalls_before = len((await shown.look()).stalls)
        delays: list[float] = []
        behind: list[float] = []
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (delay_s := await look(shown.page)) is not None:
                delays.append(delay_s)
                behind.append(await shown.behind_s())
            await asyncio.sleep(1)
        stalls = (await shown.look()).stalls[stalls_before:]
    delays.sort()
    return (
        f"glass to glass, GOP {gop_s:g} s, hls.js with {settings}, {seconds:g} s: "
        f"median {statistics.median(delays):.2f} s, p95 {delays[int(len(delays) * 0.95)]:.2f} s, "
        f"{statistics.median(behind):.2f} s of it behind the end of the playlist; {len(stalls)} stalls, longest "
        f"{max(stalls, default=0.0):.2f} s" + (f" (aim {AIMS_S[settings]:g} s, no stall)" if gop_s <= 1 else "")
    )
