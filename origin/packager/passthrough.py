"""The passed-through source of one publish, kept running: another run begins where the source changes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from origin.packager.commands import passthrough_argv
from origin.packager.kept import HANG_S, LOOK_S, START_S, KeptRunning
from origin.packager.package import Package
from origin.packager.readers import OnFrames, SourceReader
from origin.packager.run import Run, Take
from origin.stat import Published

# A clock that moves less than this share of real time, over so many seconds in which pictures came, stands still.
STILL_S, STILL_SHARE = 8, 0.2

Look = Callable[[], Awaitable[Published | None]]
"""What nginx says of the publish now; None where it is over, or nobody can say."""


class Passthrough(KeptRunning):
    """Hands the source's GOPs to the package, and each frame to `on_frames`. `audio` is what its sound is taken for:
    nginx-rtmp's name, or None."""

    what = "passthrough"

    def __init__(
        self, name: str, url: str, package: Package, on_frames: OnFrames, look: Look, audio: str | None
    ) -> None:
        self._url, self._package, self._on_frames, self._look, self._audio = url, package, on_frames, look, audio
        self._reader: SourceReader | None = None
        self._times: deque[tuple[float, int]] = deque(maxlen=STILL_S)
        self._came = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._picture_s = float("-inf")
        super().__init__(name)

    @property
    def newest_ms(self) -> int | None:
        """The time of the newest frame, on the source's clock."""
        return self._reader.newest_ms if self._reader else None

    @property
    def flows(self) -> bool:
        """Whether pictures come: of sound alone nothing is made."""
        return self._clock() - self._picture_s < LOOK_S

    @property
    def stands_still(self) -> bool:
        """Whether pictures come, and their timestamps hardly move: nginx-rtmp holds a clock that jumped back where it
        was, until it has caught up."""
        if len(self._times) < STILL_S:
            return False
        (began_s, from_ms), (ended_s, to_ms) = self._times[0], self._times[-1]
        return to_ms - from_ms < STILL_SHARE * (ended_s - began_s) * 1000

    def expect_audio(self, audio: str | None) -> None:
        """What nginx says of the sound: another codec than this run was started for means another run."""
        if audio != self._audio:
            before, self._audio = self._audio, audio
            self._kill(f"the sound is {audio or 'missing'}, and was taken for {before or 'missing'}", meant=True)

    async def _once(self) -> str:
        audio = self._audio
        reader = self._reader = SourceReader(self._package, self._on_frames, sound=audio is not None)
        self._run = run = Run(
            f"the passthrough of {self._name}",
            lambda fds: passthrough_argv(self._url, audio, fds[0], fds[1] if audio else None),
            [self._waking(reader), *([reader.take_audio] if audio else [])],
        )
        await run.start()
        self.starts += 1
        watching = [asyncio.create_task(self._release(reader)), asyncio.create_task(self._notice_hangs(run))]
        for task in watching:
            task.add_done_callback(self._watcher_ended)
        try:
            ended = await run.wait()
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await asyncio.shield(run.stop())
        seen = await self._look()
        if self._finishing or seen is None:
            # Only an encoder that left has ended its last GOP; that of an ffmpeg which died goes on elsewhere.
            reader.end()
            reader.release(len(reader.pending))
        elif reader.track is None and seen.video and seen.audio is None and audio:
            self._audio, self._meant = None, True  # it looked for sound, and there is none
        return ended

    def _note_time(self) -> None:
        """Once a second, while pictures come."""
        newest_ms = self.newest_ms
        if not self.flows or newest_ms is None or (self._times and newest_ms < self._times[-1][1]):
            self._times.clear()
        else:
            self._times.append((self._clock(), newest_ms))

    def _waking(self, reader: SourceReader) -> Take:
        def take(data: bytes) -> None:
            self._picture_s = self._clock()
            reader.take_video(data)
            if reader.pending:
                self._came.set()

        return take

    async def _release(self, reader: SourceReader) -> None:
        """Hand GOPs on once nginx says, after they came, that the source is still the same: ffmpeg would pass frames
        of another one through under the old header."""
        first: Published | None = None
        while True:
            await self._came.wait()
            self._came.clear()
            count = len(reader.pending)
            seen = await self._look()
            if seen is not None and seen.video is not None:
                first = first or seen
                was = reader.track.size if reader.track else seen.video.size
                if seen.video != first.video or seen.video.size != was:
                    self.changed = f"the source changed from {was} to {seen.video.size}"
                    self._kill(self.changed, meant=True)
                    return
            reader.release(count)

    async def _notice_hangs(self, run: Run) -> None:
        received: int | None = None
        while True:
            await asyncio.sleep(LOOK_S)
            self._note_time()
            silent = run.silent_s > (HANG_S if run.heard_s else START_S)
            seen = await self._look() if silent else None
            if seen is not None and received is not None and seen.bytes_in > received:
                self._kill(f"nothing came out of it for {run.silent_s:.0f} s")
                return
            received = seen.bytes_in if seen else None
