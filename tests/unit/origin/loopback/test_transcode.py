"""The ladder of the loopback, ended."""

from __future__ import annotations

import asyncio

from origin.loopback.transcode import Transcode
from tests.waiting import eventually


async def test_who_is_cancelled_while_a_ladder_ends_learns_of_it() -> None:
    """Or an agent that is told to stop at this moment goes on for ever."""
    ladder = Transcode("cam", ["sleep", "60"])
    await eventually(lambda: ladder.starts == 1)
    ending = asyncio.create_task(ladder.stop())
    await asyncio.sleep(0)
    ending.cancel()
    await asyncio.wait([ending])
    assert ending.cancelled()
    await ladder.stop()
