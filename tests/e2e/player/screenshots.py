"""The pictures of the player in the documentation: `python -m tests.e2e.player.screenshots` makes them anew."""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from panocast.ladder import Size
from panocast.testcard import Card, find_fonts, render_argv
from tests.e2e.browser import launch_chromium
from tests.e2e.player.media import make_captions, make_thumbnails
from tests.e2e.player_site import Channel, PlayerSite, install_player, run
from tests.waiting import eventually

DOCS = Path(__file__).resolve().parents[3] / "docs" / "images"
SECONDS = 20
# What was published on which day of the month, and where its poster looks.
DAYS = {19: 12, 17: 102, 12: -168, 3: -78}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 720}, "device_scale_factor": 1}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
VOD = "/?url=/vod/harbour/s1/master.m3u8&yaw=8&pitch=4"
LIVE = "/?url=/hls/event.m3u8&yaw=8&pitch=4"

Act = Callable[[Page], Awaitable[None]]


async def playing(page: Page) -> None:
    """Waits until the sphere shows a moving picture."""

    async def moves() -> bool:
        return bool(await page.evaluate("window.panocast?.sphere && panocast.video.currentTime > 0.5"))

    await eventually(moves, within_s=60)
    await page.get_by_role("button", name="Tap for sound").click()


async def previewing(page: Page) -> None:
    """Over the seek bar lies a picture of where it would go."""
    await playing(page)
    bar = await page.get_by_role("slider", name="Seek").bounding_box()
    assert bar is not None

    async def there() -> bool:
        for x_px in (0, 2):
            await page.mouse.move(bar["x"] + bar["width"] * 0.62 + x_px, bar["y"] + bar["height"] / 2)
        return await page.locator(".thumbnail").is_visible()

    await eventually(there)


async def in_settings(page: Page) -> None:
    """The menu is open."""
    await playing(page)
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("menuitem", name="Quality").wait_for()
    await page.wait_for_timeout(300)


async def listed(page: Page) -> None:
    """The library has found its pictures."""
    await page.get_by_role("heading", name="On demand").wait_for()

    async def drawn() -> bool:
        return bool(await page.evaluate("document.querySelector('.card canvas')?.width"))

    await eventually(drawn)
    await page.wait_for_timeout(500)


async def with_code(page: Page) -> None:
    """The way for phones is open, where there is a mouse."""
    await listed(page)
    if await page.get_by_text("Open on your phone").count():
        await page.get_by_text("Open on your phone").click()
        await page.locator(".qr").evaluate("(code) => code.decode()")


async def refused(page: Page) -> None:
    """The link cannot be opened."""
    await page.get_by_role("alert").wait_for()


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: its name, the page, what has to happen first, and the colours of the library."""

    name: str
    path: str
    act: Act
    scheme: Literal["light", "dark"] = "dark"


SHOTS = [
    Shot("library", "/", listed, "light"),
    Shot("library-dark", "/", with_code),
    Shot("live", LIVE, playing),
    Shot("vod", VOD, previewing),
    Shot("menu", VOD, in_settings),
    Shot("error", "/?url=https://elsewhere.invalid/x.m3u8", refused),
]


async def make_media(folder: Path) -> None:
    """One film of the test card as an asset with everything, and live segments of it."""
    card = Card(size=Size(2048, 1024), fps=10, gop_s=1, bitrate_bps=6_000_000)
    film = folder / "film.mp4"
    await run(*render_argv(film, SECONDS, card, find_fonts()))
    asset = folder / "vod" / "harbour" / "s1"
    await asyncio.to_thread(asset.mkdir, parents=True)
    await run(
        *("ffmpeg", "-v", "error", "-i", film, "-filter_complex"),
        *["[0:v]split[a][b];[b]scale=1024:512[small]"],
        *["-map", "[a]", "-map", "[small]", "-map", "0:a", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "18"],
        *["-g", "20", "-c:a", "aac", "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod"],
        *["-hls_segment_type", "fmp4", "-master_pl_name", "master.m3u8", "-b:v:0", "3M", "-b:v:1", "1M"],
        *["-var_stream_map", "v:0,agroup:sound v:1,agroup:sound a:0,agroup:sound", "r%v.m3u8"],
        cwd=asset,
    )
    for day, yaw_deg in DAYS.items():
        flat = f"v360=e:flat:yaw={yaw_deg}:pitch=4:h_fov=100:v_fov=68:w=640:h=360"
        await run("ffmpeg", "-v", "error", "-i", film, "-vf", flat, "-frames:v", "1", asset / f"poster{day}.jpg")
    await make_thumbnails(film, asset, SECONDS)
    await make_captions(asset)
    live = folder / "segments"
    await asyncio.to_thread(live.mkdir)
    await run(
        *("ffmpeg", "-v", "error", "-i", film, "-vf", "scale=1280:-2", "-c:v", "libx264", "-preset", "ultrafast"),
        *["-g", "10", "-c:a", "aac", "-f", "hls", "-hls_time", "1", "-hls_segment_type", "fmp4"],
        *["-hls_playlist_type", "vod", "-hls_fmp4_init_filename", "640-init.mp4"],
        *["-hls_segment_filename", "640-%d.m4s", "640.m3u8"],
        cwd=live,
    )


def fill(site: PlayerSite) -> None:
    """What the library lists."""
    site.told = {"url": "https://192.168.1.20:8443/"}
    site.channel.fmp4 = True
    site.channel.start()
    site.list_live(title="Regatta, from the committee boat", since="2026-11-20T09:00:00Z")
    names = ["Harbour at dusk", "Concert in the old church", "Up the cathedral's tower", "Night train through the pass"]
    shape = {"projection": "equirectangular", "stereo": "mono"}
    url = "/vod/harbour/s1/master.m3u8"
    site.catalog = {
        "vod": [
            {"id": f"a{day}/s1", "title": name, "url": url, "duration_s": 211 * day, **shape}
            | {"published": f"2026-11-{day:02d}T18:00:00Z", "poster": f"/vod/harbour/s1/poster{day}.jpg"}
            for name, day in zip(names, DAYS, strict=True)
        ]
    }
    captions = [{"url": "captions.vtt", "language": "en", "label": "English"}]
    site.assets["harbour"] = {"title": names[0], "thumbnails": "thumbnails.vtt", "captions": captions}


async def shoot(browser: Browser, site: PlayerSite, shot: Shot, device: str, options: dict[str, Any], to: Path) -> None:
    """One picture, as WebP."""
    context = await browser.new_context(**options, color_scheme=shot.scheme, locale="en-GB", timezone_id="UTC")
    try:
        # Software draws slowly, and would be given fewer pixels.
        await context.add_init_script(
            "const turn = requestAnimationFrame; let now_ms = 0;"
            "window.requestAnimationFrame = (act) => turn(() => act((now_ms += 16)))"
        )
        page = await context.new_page()
        await page.goto(site.url + shot.path)
        await shot.act(page)
        await page.wait_for_timeout(600)
        picture = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
        picture.thumbnail((1280, 1280))
        await asyncio.to_thread(picture.save, to / f"player-{shot.name}-{device}.webp", quality=82, method=6)
    finally:
        await context.close()


async def main(only: list[str], to: Path) -> None:
    """Every picture whose name is asked for; all of them by default."""
    await install_player()
    await asyncio.to_thread(to.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await make_media(folder)
        site = PlayerSite(folder / "vod", Channel(folder / "segments"))
        await site.start()
        fill(site)
        async with async_playwright() as playwright:
            browser = await launch_chromium(playwright)
            for shot in SHOTS:
                for device, options in (("desktop", DESKTOP), ("phone", PHONE)):
                    if not only or shot.name in only:
                        await shoot(browser, site, shot, device, options, to)
            await browser.close()
        await site.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:], DOCS))
