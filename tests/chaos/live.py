"""What viewers notice, and what the recording lacks, when an origin of a running event is hurt again and again."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGSTOP

from playwright.async_api import async_playwright

from tests.e2e.browser import launch_chromium
from tests.e2e.platform import arguments
from tests.e2e.screen import Screen, screen
from tests.e2e.stage import CARD, NAME, OriginAt, Stage, stage
from tests.integration.edge.poller import Poller
from tests.integration.origin.live_checker import LiveChecker
from tests.media import frame_times
from tests.waiting import eventually

RUNGS = 2  # of the card
SMALL_DISK_BYTES = 48 << 20
HURT_S = 8.0
"""So long a fault lasts that does not mend by itself."""
SETTLED_S = 15.0
"""An event's recording is done when nothing came of it for so long."""
AFTER = 6
"""So many segments are watched from each fault on."""

Mend = Callable[[], None]
Hurt = Callable[[OriginAt, Path], Mend | None]


@dataclass
class Figures:
    """What a scenario came to. Waits in seconds: `normal_s` without a fault, `beyond_s` after each, less that."""

    what: str
    normal_s: float = 0.0
    beyond_s: list[float] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)
    back: int = 0
    jumps: int = 0
    seams: int = 0
    checks: int = 0
    problems: list[str] = field(default_factory=list)
    frames: tuple[int, int] = (0, 0)

    @property
    def wrong(self) -> bool:
        """Whether anything happened that may not, however busy the machine is."""
        made, recorded = self.frames
        return bool(self.problems or self.back or self.seams or recorded != made)

    def line(self) -> str:
        """One line of the table."""
        waits = f"{max(self.beyond_s):5.2f} {statistics.median(self.beyond_s):5.2f}" if self.beyond_s else "-"
        stalls = f"{len(self.stalls):3} {max(self.stalls, default=0):5.2f}"
        made, recorded = self.frames
        return (
            f"{self.what:<28} {len(self.beyond_s):6} {self.normal_s:7.2f} {waits} {stalls} {self.back:5} "
            f"{self.seams:6} {made - recorded:5} of {made:<6} {len(self.problems):4} in {self.checks}"
        )


HEAD = (
    f"{'':<28} {'faults':>6} {'normal':>7} {'worst':>5} {'med.':>5} {'stalls':>9} {'back':>5} {'seams':>6} "
    f"{'frames missing':>15} wrong, in checks"
)


def killed(part: str) -> Hurt:
    """`kill -9`; the supervisor starts it again."""

    def hurt(origin: OriginAt, _: Path) -> None:
        origin.send(part, SIGKILL)

    return hurt


def stopped(origin: OriginAt, _: Path) -> None:
    """Its ffmpegs stand still until the agent notices."""
    origin.send("ffmpegs", SIGSTOP)


def ladder_stopped(origin: OriginAt, _: Path) -> None:
    """The source goes on, its other rungs do not."""
    origin.send("ladder", SIGSTOP)


def cut(origin: OriginAt, _: Path) -> Mend:
    """The network between edge and origin is gone."""
    origin.link.cut()
    return origin.link.mend


def frozen(origin: OriginAt, _: Path) -> Mend:
    """Packets between edge and origin are lost, connections stay."""
    origin.link.freeze()
    return origin.link.mend


def slow(origin: OriginAt, _: Path) -> Mend:
    """The network carries a quarter of what the stream needs."""
    origin.link.bytes_per_s = CARD.bitrate_bps * 1.5 / 8 / 4
    return origin.link.mend


def full_disk(origin: OriginAt, folder: Path) -> Mend:
    """Nothing more can be written where it records. Only its processes see this disk, so by way of one of them."""
    path = Path(f"/proc/{origin.pid('agent')}/root{folder}/full")
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    return path.unlink


def on_a_small_disk(state: Path) -> list[str]:
    """The platform with the primary's folder in a few megabytes of memory; needs bubblewrap."""
    folder = state / "origin-primary"
    folder.mkdir(parents=True)
    disk = ["--size", str(SMALL_DISK_BYTES), "--tmpfs", str(folder)]
    recording = ["env", "PANOCAST_ORIGIN__DISK_FULL_MB=4"]  # as far as so small a disk allows
    return [*recording, "bwrap", "--die-with-parent", "--dev-bind", "/", "/", *disk, *arguments(state)]


KILLS = ("nginx", "agent", "ffmpegs", "all")
SCENARIOS: dict[str, Hurt] = {
    **{f"kill -9 of {part}": killed(part) for part in KILLS},
    "SIGSTOP of its ffmpegs": stopped,
    "SIGSTOP of its ladder": ladder_stopped,
    "its disk full": full_disk,
    "network to the edge cut": cut,
    "network to the edge frozen": frozen,
    "network to the edge slow": slow,
}


async def run_scenario(what: str, faults: int, folder: Path, *, watched: bool = True) -> Figures:
    """Hurt the origin in use so often, one fault after the other, with both well in between."""
    state = folder / what.replace(" ", "-")
    state.mkdir()
    small = what == "its disk full"
    figures = Figures(what)
    async with stage(state, argv=on_a_small_disk(state) if small else None) as running:
        async with audience(running, watched=watched) as (poller, checker, shown):
            await running.both_well(RUNGS)
            poller.lap()
            await _segments(poller, AFTER)
            figures.normal_s = poller.lap()
            for _ in range(faults):
                await _one_fault(running, SCENARIOS[what], poller, figures, state / "origin-primary")
            await running.both_well(RUNGS)
            figures.seams = poller.discontinuities
            figures.checks = checker.refreshes
            figures.problems = [*poller.errors, *checker.problems]
            if shown:
                seen = await shown.look()
                figures.stalls, figures.back, figures.jumps = list(seen.stalls), seen.back, seen.jumps
                figures.problems += seen.errors
        await running.encoder.stop()
        figures.frames = running.encoder.frames, await _recorded(running, figures)
    return figures


async def _one_fault(running: Stage, hurt: Hurt, poller: Poller, figures: Figures, folder: Path) -> None:
    await running.both_well(RUNGS)
    used = await running.in_use()
    poller.lap()
    mend = hurt(used, folder)
    try:
        await asyncio.gather(_segments(poller, AFTER), asyncio.sleep(HURT_S if mend else 0))
    finally:
        if mend:
            mend()
    figures.beyond_s.append(max(0.0, poller.lap() - figures.normal_s))


async def _segments(poller: Poller, count: int) -> None:
    """Wait until viewers were shown so many more segments."""
    until = (poller.newest or 0) + count
    await eventually(lambda: poller.newest is not None and poller.newest >= until, within_s=120)


async def _recorded(running: Stage, figures: Figures) -> int:
    """How many frames the event's asset has, once nothing more comes of it; several assets are a problem."""
    assets: list[str] = []
    since = time.monotonic()

    async def settled() -> bool:
        nonlocal assets, since
        left = await asyncio.to_thread(lambda: len(list((running.up.state / "egress/work").rglob("*.json"))))
        now = [f"{asset['id']} {asset['url']} {asset['duration_s']}" for asset in await running.up.assets(NAME)]
        if now != assets or left:
            assets, since = now, time.monotonic()
        return bool(assets) and time.monotonic() - since > SETTLED_S

    await eventually(settled, within_s=300, every_s=1)
    if len(assets) > 1:
        figures.problems.append(f"{len(assets)} assets: {assets}")
    frames = [len(await frame_times(f"{running.up.web}{asset.split()[1]}")) for asset in assets]
    return max(frames)


@asynccontextmanager
async def audience(
    running: Stage, *, watched: bool = True, every_s: float = 1.0
) -> AsyncIterator[tuple[Poller, LiveChecker, Screen | None]]:
    """A viewer who asks five times a second, one who checks everything every so often, and hls.js in Chromium."""

    async def fetch(path: str) -> tuple[int, bytes]:
        status, body, _ = await running.edge.get(path)
        return status, body

    checker = LiveChecker(fetch, NAME, steady=True)

    async def check() -> None:
        while True:
            await checker.refresh()
            await asyncio.sleep(every_s)

    async with Poller(running.edge.session, f"{running.edge.url}/hls/{NAME}.m3u8") as poller:
        checking = asyncio.create_task(check())
        try:
            if watched:
                async with async_playwright() as playwright:
                    browser = await launch_chromium(playwright)
                    async with screen(browser, running.edge.url, NAME) as shown:
                        yield poller, checker, shown
                    await browser.close()
            else:
                yield poller, checker, None
        finally:
            checking.cancel()
            await asyncio.gather(checking, return_exceptions=True)
