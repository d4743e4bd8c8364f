"""Other people's players, those that are installed, each reading the same stream, and how far each has played."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from panocast.process import Child, Command, OnLine
from tests.ports import free_ports

LOOK_S = 0.25
NOBODY = "65534"
_VLC_FRAMES = re.compile(r"frames displayed\s*:\s*(\d+)")
_GST_SECONDS = re.compile(r"^progressreport\d+ \([\d:]+\): (\d+) seconds")


@dataclass
class Player:
    """One player as it runs: `progress` grows while it shows pictures; the longest standstill of that, once it had
    begun."""

    name: str
    child: Child | None = None
    progress: float = 0.0
    longest_s: float = 0.0
    _moved_at: float = field(default_factory=time.monotonic)
    _began_at: float | None = None

    def see(self, progress: float) -> None:
        """Take how far it has come, in a unit of its own."""
        now = time.monotonic()
        if progress > self.progress:
            if self._began_at is None:
                self._began_at = now
            else:
                self.longest_s = max(self.longest_s, now - self._moved_at)
            self.progress, self._moved_at = progress, now

    def line(self) -> str:
        """What came of it."""
        assert self.child is not None
        if self._began_at is None:
            return f"{self.name}: never showed a picture; {'; '.join(list(self.child.tail)[-3:])}"
        code = self.child.returncode
        still_s = time.monotonic() - self._moved_at
        longest_s = max(self.longest_s, still_s)
        state = f"ended with {code}: {'; '.join(list(self.child.tail)[-3:])}" if code is not None else "plays on"
        watched_s = time.monotonic() - self._began_at
        return f"{self.name}: {state} after {watched_s:.0f} s, never stood still for more than {longest_s:.1f} s"


@asynccontextmanager
async def ffmpeg(url: str) -> AsyncIterator[Player]:
    """ffmpeg's HLS reader, at the speed at which it gets something."""
    player = Player("ffmpeg")

    def note(line: str) -> None:
        key, _, value = line.partition("=")
        if key == "frame" and value.strip().isdigit():
            player.see(int(value))

    words = ["ffmpeg", "-nostdin", "-loglevel", "level+warning", "-stats_period", "0.2", "-progress", "pipe:1"]
    async with _running(player, [*words, "-i", url, "-map", "0:v:0", "-f", "null", "-"], note):
        yield player


@asynccontextmanager
async def gstreamer(url: str) -> AsyncIterator[Player]:
    """GStreamer's playbin, at the speed of the clock; it tells whole seconds."""
    player = Player("GStreamer")

    def note(line: str) -> None:
        if told := _GST_SECONDS.match(line):
            player.see(int(told[1]))

    sinks = ["video-sink=progressreport update-freq=1 ! fakesink sync=true", "audio-sink=fakesink sync=true"]
    async with _running(player, ["stdbuf", "-oL", "gst-launch-1.0", "playbin", f"uri={url}", *sinks], note):
        yield player


@asynccontextmanager
async def vlc(url: str) -> AsyncIterator[Player]:
    """VLC without a screen, asked by its remote control how many frames it has shown. It does not run as root."""
    player = Player("VLC")
    [port] = free_ports(1)
    argv = ["vlc", "-I", "rc", f"--rc-host=127.0.0.1:{port}", "--vout", "dummy", "--aout", "dummy", url]
    if os.geteuid() == 0:
        argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *argv]
    async with _running(player, argv, env={**os.environ, "HOME": "/nonexistent"}):
        asking = asyncio.create_task(_ask_vlc(port, player))
        try:
            yield player
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


async def _ask_vlc(port: int, player: Player) -> None:
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                while not reader.at_eof():
                    writer.write(b"stats\n")
                    await asyncio.sleep(LOOK_S)
                    for frames in _VLC_FRAMES.findall((await reader.read(65536)).decode("utf-8", "replace")):
                        player.see(int(frames))
            finally:
                writer.close()
        await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def _running(
    player: Player, argv: list[str], note: OnLine | None = None, *, env: Mapping[str, str] | None = None
) -> AsyncIterator[None]:
    player.child = Child(Command(player.name, argv, env=env), on_stdout=note)
    await player.child.start()
    try:
        yield
    finally:
        await player.child.stop(3)


PLAYERS = {"ffmpeg": ffmpeg, "gst-launch-1.0": gstreamer, "vlc": vlc}
"""By the program that has to be installed."""


@asynccontextmanager
async def playing(url: str) -> AsyncIterator[list[Player]]:
    """All the players that are installed, playing the stream at `url`."""
    async with AsyncExitStack() as stack:
        found = [name for name in PLAYERS if shutil.which(name)]
        yield [await stack.enter_async_context(PLAYERS[name](url)) for name in found]
