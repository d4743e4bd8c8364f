"""An encoder in the field, played by ffmpeg: it publishes moving pictures and a tone over RTMP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from panocast.process import Child, Command

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "200k", "-sc_threshold", "0")
AAC = ("-c:a", "aac", "-b:a", "64k")


def argv(
    url: str,
    *,
    seconds: float | None = None,
    size: str = "640x320",
    fps: int = 30,
    gop_s: float = 1.0,
    video: Sequence[str] | None = (*H264, "-bf", "2"),
    audio: Sequence[str] | None = AAC,
    realtime: bool = True,
    ffmpeg: str = "ffmpeg",
) -> list[str]:
    """What publishes to `url`; None leaves a track out."""
    pace = ("-re",) if realtime else ()
    words = [ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "warning"]
    if video is not None:
        words += [*pace, "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={fps}"]
    if audio is not None:
        words += [*pace, "-f", "lavfi", "-i", "sine=sample_rate=48000"]
    if video is not None:
        words += [*video, "-g", str(round(gop_s * fps))]
        if seconds is not None:
            words += ["-frames:v", str(round(seconds * fps))]
    if audio is not None:
        words += audio
    if seconds is not None:
        words += ["-t", str(seconds)]
    return [*words, "-f", "flv", "-flvflags", "no_duration_filesize", url]


@asynccontextmanager
async def publishing(words: Sequence[str]) -> AsyncIterator[Child]:
    """Publish while the block runs."""
    child = Child(Command("encoder", words))
    await child.start()
    try:
        yield child
    finally:
        await child.stop(grace_s=3)


async def publish(words: Sequence[str], timeout_s: float = 120.0) -> Child:
    """Publish to the end, and give the child that ended; TimeoutError when it goes on for longer."""
    async with publishing(words) as child:
        async with asyncio.timeout(timeout_s):
            await child.wait()
        return child
