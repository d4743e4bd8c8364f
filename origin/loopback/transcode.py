"""One ffmpeg for each live stream, kept running while the stream lasts: its speed and its last error known."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from panocast.ffmpeg import ProgressReader
from panocast.process import Backoff, Command, Service

# What it writes is live: nothing is lost by ending it quickly, and an RTMP read ignores the first SIGTERM.
GRACE_S = 0.5
# Two progress reports a second: the speed of the last ten seconds.
_REPORTS = 20


class Transcode:
    """Runs an argv of ffmpeg until stopped, again with a growing pause whenever it ends by itself."""

    def __init__(self, stream: str, argv: list[str]) -> None:
        self._reader = ProgressReader()
        self._reports: deque[tuple[float, float]] = deque(maxlen=_REPORTS)
        self._service = Service(
            Command(f"the ladder of {stream}", argv),
            backoff=Backoff(first_s=0.2, most_s=5.0, steady_s=10.0),
            grace_s=GRACE_S,
            on_stdout=self._on_progress,
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
        """Seconds of output for each second of the last ten, or None before ten seconds have passed.

        ffmpeg's own figure counts from time zero, which with the source's timestamps means nothing.
        """
        if len(self._reports) < _REPORTS:
            return None
        (began, from_s), (ended, to_s) = self._reports[0], self._reports[-1]
        return (to_s - from_s) / (ended - began) if ended > began else None

    async def stop(self) -> None:
        """End it, and what it runs. Raises the UsageError it ended with, if ffmpeg is not installed."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def _on_progress(self, line: str) -> None:
        if progress := self._reader.feed(line):
            if self._reports and progress.time_s < self._reports[-1][1]:
                self._reports.clear()  # it was started again
            self._reports.append((asyncio.get_running_loop().time(), progress.time_s))
