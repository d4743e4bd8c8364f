"""How much of a picture is left: VMAF, and WS-PSNR, which weights each row by the area it covers on the sphere."""

from __future__ import annotations

import asyncio
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from panocast.ladder import Size
from panocast.process import Child, Command, ProcessError
from tests.bench.material import FPS
from tests.bench.ws_psnr import ws_psnr_db

# Every so-manieth frame is looked at for WS-PSNR, and for VMAF where pictures are large.
STRIDE = 5
TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Score:
    """Mean VMAF (0 to 100, Netflix's default model vmaf_v0.6.1) and mean WS-PSNR of luma in dB."""

    vmaf: float
    ws_psnr_db: float

    def __str__(self) -> str:
        return f"VMAF {self.vmaf:5.2f}  WS-PSNR {self.ws_psnr_db:5.2f} dB"


def mean_score(scores: Sequence[Score]) -> Score:
    """The mean over rungs."""
    return Score(statistics.mean(s.vmaf for s in scores), statistics.mean(s.ws_psnr_db for s in scores))


async def score(encoded: Path, source: Path, size: Size, folder: Path) -> Score:
    """Compare an encode of `size` with its source at that size, scaled directly and by the best scaler there is.

    At the rung's own size, so that only what scaling and encoding lost counts: how far a player magnifies a rung is
    the viewer's screen and the player's choice of rung. VMAF's model assumes 60 pixels per degree of the eye, a
    sphere in a headset has 10 to 20: what it calls transparent may be seen there, so differences near the top count.
    """
    lumas = folder / "lumas.raw"
    same_clock = f"settb=1/{FPS},setpts=N"
    few = f"select='not(mod(n,{STRIDE}))',format=gray"
    graph = (
        f"[0:v]{same_clock},split[da][db];"
        f"[1:v]scale={size.width}:{size.height}:flags=lanczos+accurate_rnd,{same_clock},split[ra][rb];"
        f"[da][ra]libvmaf=n_subsample={STRIDE if size.width > 2000 else 1}:n_threads=2[v];"
        f"[db]{few}[dc];[rb]{few}[rc];[dc][rc]vstack[stacked]"
    )
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-y", "-nostats"]
    argv += ["-i", str(encoded), "-i", str(source), "-filter_complex", graph, "-map", "[v]", "-f", "null", "-"]
    argv += ["-map", "[stacked]", "-fps_mode", "passthrough", "-f", "rawvideo", str(lumas)]
    child = Child(Command("vmaf", argv, cwd=folder))
    await child.start()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            code = await child.wait()
    finally:
        await asyncio.shield(child.stop(grace_s=0.5))
    found = re.search(r"VMAF score: ([\d.]+)", "\n".join(child.tail))
    if code or not found:
        raise ProcessError(child.failure(code), code, child.tail)
    try:
        frames = np.memmap(lumas, np.uint8, "r").reshape(-1, 2, size.height, size.width)
        db = [ws_psnr_db(*pair) for pair in frames]
    finally:
        lumas.unlink()
    return Score(float(found[1]), float(np.mean(db)))
