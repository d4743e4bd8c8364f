"""From the end of an event to its playable VOD, on this machine."""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

from panocast.testcard import Card
from tests.e2e.platform import platform, publishing
from tests.waiting import eventually


async def bench_vod_after_event(*, event_s: float) -> list[str]:
    """Publish a 1920-wide event of `event_s` seconds and wait for its asset; parts are transcoded while it runs."""
    with tempfile.TemporaryDirectory() as name:
        async with platform(Path(name)) as up:
            async with publishing(up.publish_url("event"), Card(), event_s) as encoder:
                await encoder.wait()
            ended = time.monotonic()
            await eventually(lambda: up.assets("event"), within_s=event_s * 10)
            waited_s = time.monotonic() - ended
            # What the agent says when the live ladder falls behind.
            slow = re.findall(r"the ladder runs at ([\d.]+) of real time", up.logs())
    return [
        f"a {event_s:g} s event, 1920x960: playable VOD {waited_s:.1f} s after its end "
        f"({waited_s / event_s:.2f} of its length; aim 0.50)",
        f"the live ladder {'fell behind, to ' + min(slow) + ' of real time' if slow else 'never fell behind'}",
    ]
