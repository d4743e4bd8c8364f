"""Workers are killed again and again at random moments while a viewer looks at what is published (guarantee 1)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import m3u8

from panocast.errors import NotFoundError
from panocast.layout import Session, session_id
from tests.integration.transcoder.processes import environment_of, worker_argv
from tests.integration.transcoder.site import STARTED, Site
from tests.waiting import eventually

# What a worker can be doing; half of the kills wait until it does one of these, the others come at any time.
DOWNLOADING, ENCODING, STORING, WHOLE = "downloading", "encoding", "storing", "making a whole"
COMMITTED = "between commit and delete"
MOMENTS = (DOWNLOADING, ENCODING, STORING, WHOLE, COMMITTED)
LONGEST_WAIT_S = 4.0


@dataclass(slots=True)
class Report:
    """How many workers were killed, in the middle of what, and how often the viewer looked."""

    kills: int = 0
    holding: int = 0
    moments: Counter[str] = field(default_factory=Counter)
    looks: int = 0


async def kill_workers(site: Site, recordings: Sequence[tuple[Sequence[Path], int]], kills: int, seed: int) -> Report:
    """Record each of `recordings` (parts, and how many frames they have), kill `kills` workers while they work on
    them, let one end the work, and check that each became one whole asset, and nothing else is left.

    AssertionError when anything was lost, done twice, or ever shown in part.
    """
    dice, report = random.Random(seed), Report()
    sessions = [
        Session(f"cam{number}", session_id(STARTED + timedelta(minutes=number), "primary"))
        for number in range(len(recordings))
    ]
    for session, (parts, _) in zip(sessions, recordings, strict=True):
        site.record(session, parts, announce=site.is_cloud)  # elsewhere the workers' watcher does
    viewer = asyncio.create_task(_view(site, report))
    try:
        for number in range(kills):
            await _kill_one(site, dice, report, number)
            assert not viewer.done(), viewer.exception()
        heir = await _start(site, site.root / "heir.log")
        try:
            await eventually(lambda: _is_finished(site, len(sessions)), within_s=180, every_s=0.3)
        finally:
            heir.terminate()
            await heir.wait()
        assert not viewer.done(), viewer.exception()
    finally:
        viewer.cancel()
        await asyncio.gather(viewer, return_exceptions=True)
    assert site.queue.dead() == []
    assert len(site.catalog()) == len(sessions), "each asset is listed once"
    frames = [len(next(iter(site.check(session).video.values())).times_s) for session in sessions]
    assert frames == [expected for _, expected in recordings]
    return report


async def _kill_one(site: Site, dice: random.Random, report: Report, number: int) -> None:
    log = site.root / f"worker-{number}.log"
    victim = await _start(site, log)
    try:
        # A worker takes a second or two until it begins; from there on, any moment.
        await eventually(lambda: "jobs at once" in log.read_text(), within_s=60, every_s=0.02)
        committed = False
        if number == 0:  # there is surely something to do yet
            await _until(site, ENCODING, within_s=60.0)
        elif number % 2 == 0:
            committed = await _until(site, dice.choice(MOMENTS), within_s=LONGEST_WAIT_S)
        else:
            await asyncio.sleep(dice.uniform(0.0, 2.5))
        victim.kill()
    finally:
        if victim.returncode is None:
            victim.kill()
        await victim.wait()
    held = (await asyncio.to_thread(site.queue.depth)).held
    report.kills += 1
    report.holding += held > 0
    doing = _jobs_left(site) or ["holding a message" if held else "waiting"]
    report.moments.update([COMMITTED] if committed else doing)


async def _until(site: Site, moment: str, *, within_s: float) -> bool:
    """Wait until the worker does something, for a while; whether it has just committed what it did."""
    begun, markers = time.monotonic(), await asyncio.to_thread(_markers, site)
    while time.monotonic() < begun + within_s:
        if moment == COMMITTED:
            if await asyncio.to_thread(_markers, site) - markers:
                return True
        elif moment in _jobs_left(site):
            return False
        await asyncio.sleep(0.002)
    return False


def _markers(site: Site) -> set[str]:
    """What says that a part or a session is done."""
    return {key for key in site.keys("work/") if key.endswith(".json")} | set(site.keys("done/"))


async def _start(site: Site, log: Path) -> asyncio.subprocess.Process:
    """A worker with two jobs at once; what it says goes to a file."""
    with log.open("w") as said:
        variables = environment_of(site, concurrency=2, fence="auto", visibility_s=4)
        return await asyncio.create_subprocess_exec(*worker_argv(site), env=variables, stderr=said)


def _is_finished(site: Site, assets: int) -> bool:
    if len(site.masters()) < assets or site.keys("work/"):
        return False
    depth = site.queue.depth()
    return depth.waiting + depth.held == 0


def _jobs_left(site: Site) -> list[str]:
    """What the killed worker was doing, as the folders of its jobs tell."""
    with contextlib.suppress(FileNotFoundError):  # one goes while we look
        return [_doing(folder) for folder in (site.root / "scratch").glob("worker-*/*")]
    return []


def _doing(folder: Path) -> str:
    if not folder.name.startswith("part-"):
        return WHOLE
    if not (folder / "part.mp4").exists():
        return DOWNLOADING
    return STORING if any(folder.glob("*/init.mp4")) else ENCODING


async def _view(site: Site, report: Report) -> None:
    """Looks at what is published, again and again, as a viewer would; ends by its assertion or by cancellation."""
    while True:
        assert await asyncio.to_thread(broken_links, site) == []
        report.looks += 1
        await asyncio.sleep(0.1 if site.is_cloud else 0.02)


def broken_links(site: Site) -> list[str]:
    """What a viewer would be promised now and not find."""
    missing = []
    for master in site.masters():
        base = master.rpartition("/")[0]
        playlists = m3u8.loads(site.egress.get_bytes(master)[0].decode())
        uris = [*(p.uri for p in playlists.playlists), *(media.uri for media in playlists.media)]
        there = set(site.keys(f"{base}/"))
        for uri in uris:
            folder = f"{base}/{uri}".rpartition("/")[0]
            with contextlib.suppress(NotFoundError):
                segments = m3u8.loads(site.egress.get_bytes(f"{base}/{uri}")[0].decode())
                names = [s.uri for s in segments.segments] + [s.init_section.uri for s in segments.segments]
                missing += [f"{folder}/{name}" for name in names if f"{folder}/{name}" not in there]
                continue
            missing.append(f"{base}/{uri}")
        if f"{base}/asset.json" not in there:
            missing.append(f"{base}/asset.json")
    return missing
