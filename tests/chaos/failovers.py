"""A long event with a few failovers: every refresh of every playlist checked, and every player we can get hold of."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from signal import SIGKILL

from tests.chaos.live import RUNGS, audience
from tests.chaos.players import playing
from tests.e2e.stage import NAME, stage

CHECK_S = 0.3
"""Several times for each segment, so that no version of a playlist is missed."""


async def watch_failovers(folder: Path, *, seconds: float, failovers: int) -> tuple[list[str], bool]:
    """Watch an event for so long, while the origin in use is killed (`kill -9` of nginx, agent and ffmpegs) so often,
    evenly spread; gives the table, and whether anything happened that may not."""
    killed: list[str] = []
    async with stage(folder / "state") as running:
        url = f"{running.edge.url}/hls/{NAME}.m3u8"
        async with (
            audience(running, every_s=CHECK_S) as (poller, checker, shown),
            playing(url) as players,
        ):
            begun = time.monotonic()
            for number in range(failovers + 1):
                await asyncio.sleep(max(0.0, begun + seconds * (number + 1) / (failovers + 1) - time.monotonic()))
                if number == failovers:
                    break
                await running.both_well(RUNGS)
                used = await running.in_use()
                killed.append(used.role)
                used.send("all", SIGKILL)
            lines = [
                f"{time.monotonic() - begun:.0f} s, killed: {', '.join(killed)}; now from the "
                f"{(await running.in_use()).role}",
                f"{checker.refreshes} refreshes of every playlist checked, {len(checker.problems)} problems (aim 0); "
                f"{len(poller.errors)} of the 5 Hz poller's; {poller.discontinuities} seams (aim 0), longest wait "
                f"for a segment {poller.longest_wait_s:.2f} s",
                *checker.problems[:10],
                *poller.errors[:10],
            ]
            wrong = bool(checker.problems or poller.errors or poller.discontinuities)
            if shown:
                seen = await shown.look()
                wrong = wrong or bool(seen.back or seen.errors)
                lines.append(
                    f"hls.js in Chromium: {len(seen.stalls)} stalls, longest {max(seen.stalls, default=0.0):.2f} s; "
                    f"{seen.back} steps back, {seen.jumps} jumps ahead {' '.join(seen.errors)}"
                )
            return [*lines, *(player.line() for player in players)], wrong
