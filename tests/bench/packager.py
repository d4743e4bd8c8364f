"""What the packager itself costs: CPU time of the origin's agent while 25 Mb/s in four rungs pass through it.

The ladder has to be real, its pictures need not be: a strip of noise, 2160 x 32, has four rungs that two cores encode
with ease, and a source rate that is all noise.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from panocast.process import Command, run
from tests.integration.origin.encoder import publishing
from tests.integration.origin.running import Origin, running_origin
from tests.waiting import eventually

RATE_BPS = 25_000_000
SIZE, FPS = "2160x32", 30
CLIP_S = 8
AIM_CORES = 0.1


async def bench_packager(*, seconds: float) -> list[str]:
    """CPU of the agent over so many seconds, apart from its ffmpegs, while they encode."""
    with tempfile.TemporaryDirectory() as name:
        clip = await _clip(Path(name) / "noise.flv")
        async with running_origin(Path(name), part_s=30) as origin:
            url = origin.url("noise")
            loop = ["-stream_loop", "-1", "-re", "-i", str(clip), "-c", "copy", "-f", "flv", url]
            async with publishing(["ffmpeg", "-nostdin", "-v", "error", *loop]):
                await eventually(lambda: _rungs(origin, 4))
                await asyncio.sleep(5)
                before, began = await _measured(origin), time.monotonic()
                await asyncio.sleep(seconds)
                after, took_s = await _measured(origin), time.monotonic() - began
                feed = await origin.feed("noise")
    assert feed
    rates = ", ".join(f"{rung.width}: {(rung.average_bandwidth_bps or 0) / 1e6:.1f}" for rung in feed.rungs)
    cores = (after[0] - before[0]) / took_s
    missing = sum(len(segment.rungs) < 4 for segment in feed.segments[:-2])
    return [
        f"{len(feed.rungs)} rungs (Mb/s: {rates}), {took_s:.0f} s: agent {cores:.3f} of a core (aim {AIM_CORES}), "
        f"all its ffmpegs {(after[1] - before[1]) / took_s:.2f}; {missing} segments without every rung"
    ]


async def _clip(path: Path) -> Path:
    noise = f"nullsrc=size={SIZE}:rate={FPS},geq=random(1)*255:128:128"
    rate = ["-b:v", str(RATE_BPS), "-maxrate", str(RATE_BPS), "-bufsize", str(RATE_BPS // 2)]
    video = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", str(FPS), "-bf", "0", *rate]
    # Noise alone may stay below the rate: filler makes it constant.
    exact = ["-x264-params", "nal-hrd=cbr:force-cfr=1"]
    sound = ["-f", "lavfi", "-i", "sine=sample_rate=48000"]
    words = ["-f", "lavfi", "-i", noise, *sound, "-t", str(CLIP_S), *video, *exact, "-c:a", "aac", "-b:a", "96k"]
    await run(Command("noise", ["ffmpeg", "-nostdin", "-v", "error", *words, str(path)]))
    return path


async def _rungs(origin: Origin, count: int) -> bool:
    feed = await origin.feed("noise")
    return feed is not None and len(feed.rungs) == count


async def _measured(origin: Origin) -> tuple[float, float]:
    """CPU seconds of the agent, and of the ffmpegs that it runs."""
    assert origin.agent.process
    pid = origin.agent.process.pid
    lines = await run(Command("ps", ["ps", "--ppid", str(pid), "-o", "pid="]))
    return _cpu_s(pid), sum(_cpu_s(int(child)) for child in lines)


def _cpu_s(pid: int) -> float:
    """User and system time (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
