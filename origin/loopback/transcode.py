"""One ffmpeg for each live stream, kept running while the stream lasts: its speed and its last error known."""

from __future__ import annotations

import asyncio

from panocast.ffmpeg import SpeedMeter
from panocast.process import Command
from panocast.service import Backoff, Service

# What it writes is live: nothing is lost by ending it quickly, and an RTMP read ignores the first SIGTERM.
GRACE_S = 0.5


class Transcode:
    """Runs an argv of ffmpeg until stopped, again with a growing pause whenever it ends by itself."""

    def __init__(self, stream: str, argv: list[str]) -> None:
        self._meter = SpeedMeter(asyncio.get_running_loop().time)
        self._service = Service(
            Command(f"the ladder of {stream}", argv),
            backoff=Backoff(first_s=0.2, most_s=5.0, steady_s=10.0),
            grace_s=GRACE_S,
            on_stdout=self._meter.feed,
        )
        self._task = asyncio.create_task(self._service.run(), name=f"ladder of {stream}")

    @property
    def starts(self) -> int:
        """How often ffmpeg was started."""
        return self._service.starts

    @property
    def last_error(self) -> str | None:
        """Why ffmpeg last ended by itself, in words."""
        return self._service.last_error

    @property
    def speed(self) -> float | None:
        """Seconds of output for each second of the last ten, or None before ten seconds have passed."""
        return self._meter.speed

    async def stop(self) -> None:
        """End it, and what it runs. Raises the UsageError it ended with, if ffmpeg is not installed."""
        self._task.cancel()
        await asyncio.wait([self._task])  # a cancellation that comes meanwhile is the caller's
        if not self._task.cancelled():
            self._task.result()
