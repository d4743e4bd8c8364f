"""A screen: hls.js in Chromium on a bare <video>, with our player's engine or by its defaults, and what went wrong.

No sphere is drawn, so that a busy machine spends its time on the stream.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from playwright.async_api import Browser, Page, Route

from tests.waiting import eventually

Settings = Literal["ours", "defaults"]

PAGE = """<!doctype html><title>screen</title><video muted autoplay playsinline width="320" height="160"></video>
<script type="module">
const video = document.querySelector('video');
const seen = { stalls: [], waits: 0, back: 0, jumps: 0, errors: [], complaints: [], playing: false, ended: false };
window.panocast = { video };
window.seen = seen;
const words = new URLSearchParams(location.search);
const url = new URL(words.get('url'), location.href);
if (words.get('settings') === 'ours') {
  const { Engine } = await import('/src/engine.js');
  const tell = { ready: () => video.play(), changed() {}, lowered() {}, gaveUp: (why) => seen.errors.push(why) };
  const engine = new Engine(video, tell, () => 8192);
  await engine.load();
  engine.open(url, true, 0);
  setInterval(() => engine.keepPace(), 1000);
  window.panocast.behind_s = () => engine.delay_s;
} else {
  const Hls = (await import('/vendor/hls.min.mjs')).default;
  const hls = new Hls();
  hls.on(Hls.Events.ERROR, (_, data) => (data.fatal ? seen.errors : seen.complaints).push(data.details));
  hls.attachMedia(video);
  hls.loadSource(url.href);
  window.panocast.behind_s = () => hls.latency;
}
video.addEventListener('waiting', () => seen.playing && (seen.waits += 1));
video.addEventListener('ended', () => (seen.ended = true));
// A stall is media time that stands still, not a page that is late to look: what it fell behind in a look, or how long
// looks saw it stand.
let moved_ms = 0, stood_ms = 0, time_s = 0;
setInterval(() => {
  const now_ms = performance.now(), at_s = video.currentTime;
  if (!seen.playing) {
    seen.playing = at_s > time_s && time_s > 0;
  } else if (at_s < time_s) {
    seen.back += 1;
  } else if (at_s === time_s) {
    stood_ms = now_ms;
    return;
  } else {
    const lost_s = Math.max((now_ms - moved_ms) / 1000 - (at_s - time_s), (stood_ms - moved_ms) / 1000);
    if (lost_s > 0.15) seen.stalls.push(lost_s);
    if (at_s - time_s > (now_ms - moved_ms) / 1000 * 1.2 + 0.3) seen.jumps += 1;
  }
  [moved_ms, stood_ms, time_s] = [now_ms, now_ms, at_s];
}, 50);
</script>"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a viewer saw since the page was opened: stalls of more than 0.15 s (seconds each), steps of the media time
    backwards, jumps ahead, and the words with which hls.js gave up; `waits` is how often the browser ran out of data
    once it had begun, `complaints` what hls.js (by its defaults) met and got over; `time_s` is the media time now."""

    stalls: tuple[float, ...]
    waits: int
    back: int
    jumps: int
    errors: tuple[str, ...]
    complaints: tuple[str, ...]
    ended: bool
    time_s: float


class Screen:
    """A page that plays a stream."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def look(self) -> Seen:
        """What was seen so far."""
        told = await self.page.evaluate("({ ...seen, time_s: panocast.video.currentTime })")
        return Seen(
            tuple(told["stalls"]),
            told["waits"],
            told["back"],
            told["jumps"],
            tuple(told["errors"]),
            tuple(told["complaints"]),
            told["ended"],
            told["time_s"],
        )

    async def behind_s(self) -> float:
        """How far behind the end of its playlist it plays, as hls.js says; the rest of its delay came before."""
        return float(await self.page.evaluate("panocast.behind_s()"))

    async def plays_on(self, seconds: float, within_s: float = 60.0) -> None:
        """Wait until so much more of the stream was played."""
        until_s = (await self.look()).time_s + seconds

        async def reached() -> bool:
            return (await self.look()).time_s >= until_s

        await eventually(reached, within_s=within_s)


@asynccontextmanager
async def screen(browser: Browser, web: str, name: str, settings: Settings = "ours") -> AsyncIterator[Screen]:
    """Watch the live stream `name` of the edge at `web`, from the first picture on."""
    async with screen_of(browser, web, f"/hls/{name}.m3u8", settings) as found:
        yield found


@asynccontextmanager
async def screen_of(browser: Browser, web: str, path: str, settings: Settings) -> AsyncIterator[Screen]:
    """Watch what the edge at `web` has at `path`, from the first picture on."""
    page = await browser.new_page(viewport={"width": 480, "height": 270})

    async def answer(route: Route) -> None:
        await route.fulfill(body=PAGE, content_type="text/html")

    await page.route("**/screen?**", answer)
    try:
        await page.goto(f"{web}/screen?url={path}&settings={settings}")

        async def playing() -> bool:
            return bool(await page.evaluate("window.seen?.playing"))

        await eventually(playing)
        yield Screen(page)
    finally:
        await page.close()
