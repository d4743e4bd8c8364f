"""Guarantee 1: a worker killed at any moment loses nothing and shows nothing half-done."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
from pathlib import Path

import m3u8
import pytest

from panocast.errors import NotFoundError
from tests.integration.transcoder.site import Site, session_at
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SESSION = session_at()
KILLS = 6


async def start_worker(site: Site) -> asyncio.subprocess.Process:
    """`transcoder worker` as a process of its own, two jobs at once."""
    values = {"PRESET": "superfast", "SEGMENT_S": "1", "VISIBILITY_S": "2", "YIELDING": "false", "CONCURRENCY": "2"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "transcoder.cli", "worker", "--state", str(site.root)),
        env={**os.environ, **{f"PANOCAST_TRANSCODER__{key}": value for key, value in values.items()}},
        stderr=asyncio.subprocess.DEVNULL,
    )


def broken_links(site: Site) -> list[str]:
    """What a viewer would be promised now and not find."""
    missing = []
    for master in site.masters():
        base = master.rpartition("/")[0]
        playlists = m3u8.loads(site.egress.get_bytes(master)[0].decode())
        uris = [*(p.uri for p in playlists.playlists), *(media.uri for media in playlists.media)]
        for uri in uris:
            folder = f"{base}/{uri}".rpartition("/")[0]
            with contextlib.suppress(NotFoundError):
                segments = m3u8.loads(site.egress.get_bytes(f"{base}/{uri}")[0].decode())
                names = [s.uri for s in segments.segments] + [s.init_section.uri for s in segments.segments]
                missing += [f"{folder}/{name}" for name in names if not site.egress.stat(f"{folder}/{name}")]
                continue
            missing.append(f"{base}/{uri}")
        if not site.egress.stat(f"{base}/asset.json"):
            missing.append(f"{base}/asset.json")
    return missing


async def watch(site: Site) -> None:
    """Looks at what is published, again and again, as a viewer would; ends by its assertion or by cancellation."""
    while True:
        assert await asyncio.to_thread(broken_links, site) == []
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("seed", [1, 2])
async def test_workers_killed_at_random_moments_end_every_job_once(
    site: Site, card_parts: list[Path], small_parts: list[Path], seed: int
) -> None:
    dice = random.Random(seed)
    sessions = [SESSION, session_at(60), session_at(120)]
    for session, parts in zip(sessions, (card_parts, small_parts, small_parts[:1]), strict=True):
        site.record(session, parts, announce=False)
    viewer = asyncio.create_task(watch(site))
    try:
        for _ in range(KILLS):
            victim = await start_worker(site)
            await asyncio.sleep(dice.uniform(0.6, 1.6))
            victim.kill()
            await victim.wait()
        heir = await start_worker(site)
        await eventually(lambda: len(site.masters()) == 3 and not site.keys("work/"), within_s=120)
        await eventually(lambda: site.queue.depth().waiting + site.queue.depth().held == 0, within_s=60)
        heir.terminate()
        await heir.wait()
        assert not viewer.done(), viewer.exception()
    finally:
        viewer.cancel()
        await asyncio.gather(viewer, return_exceptions=True)
    frames = [len(next(iter(site.check(session).video.values())).times_s) for session in sessions]
    assert frames == [210, 60, 30]
    assert len(site.catalog()) == 3
    assert site.queue.dead() == []
