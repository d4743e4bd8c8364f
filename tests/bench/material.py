"""The clip that quality is measured on: a sphere drawn in nature's statistics, filmed as a camera would."""

from __future__ import annotations

from pathlib import Path

from panocast.ladder import Size
from panocast.process import Command, run
from tests.bench.leaves import draw_leaves, draw_subject

FPS = 30
# A 4K camera's picture is softer than its grid: drawn at twice the size and scaled down, as lenses and demosaicking do.
OVERSAMPLING = 2
PAN_DEG_PER_S = 9.0
# What consumer 360° cameras record 4K with.
CAMERA_BPS = 60_000_000


async def shoot_or_take(media: Path | None, folder: Path, size: Size, seconds: float) -> Path:
    """The source to measure on: somebody's clip where there is one, else a film of our own making."""
    return await (shoot(folder, size, seconds) if media is None else take(media, folder, size, seconds))


async def shoot(folder: Path, size: Size, seconds: float) -> Path:
    """Film half of `seconds` from a tripod and half carried, with subjects that move and a sensor that is noisy, and
    encode it as cameras do. Gives the file; the same seconds give the same file."""
    await _draw(folder, size)
    source = folder / "source.mp4"
    await run(Command("shoot", _argv(source, size, seconds), cwd=folder), timeout_s=600)
    return source


async def take(clip: Path, folder: Path, size: Size, seconds: float) -> Path:
    """The first `seconds` of somebody's clip at `size`, encoded as cameras do."""
    source = folder / "source.mp4"
    argv = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(clip), "-t", str(seconds), "-an"]
    argv += ["-vf", f"scale={size.width}:{size.height}:flags=lanczos,fps={FPS}", *_AS_A_CAMERA, str(source)]
    await run(Command("take", argv), timeout_s=600)
    return source


_AS_A_CAMERA = (
    *("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", str(FPS), "-bf", "0"),
    *("-b:v", str(CAMERA_BPS), "-maxrate", str(CAMERA_BPS), "-bufsize", str(CAMERA_BPS)),
    *("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"),
)


async def _draw(folder: Path, size: Size) -> None:
    draw_leaves(folder / "leaves.png", Size(OVERSAMPLING * size.width, OVERSAMPLING * size.height))
    for seed in (1, 2, 3):
        draw_subject(folder / f"subject{seed}.png", OVERSAMPLING * size.height // 6, seed=seed)


def _argv(source: Path, size: Size, seconds: float) -> list[str]:
    argv = ["ffmpeg", "-v", "error", "-nostdin", "-y"]
    for name in ("leaves", "subject1", "subject2", "subject3"):
        argv += ["-framerate", str(FPS), "-i", f"{name}.png"]
    return [
        *argv,
        "-filter_complex",
        _graph(size, seconds),
        "-map",
        "[out]",
        "-t",
        str(seconds),
        *_AS_A_CAMERA,
        str(source),
    ]


def _graph(size: Size, seconds: float) -> str:
    """Subjects that walk, sway and come near; then the same while the camera turns; noise last, as sensors add it."""
    width, height, half = OVERSAMPLING * size.width, size.height, seconds / 2
    pan = PAN_DEG_PER_S / 360 / FPS
    again = f"loop=-1:1,setpts=N/{FPS}/TB"
    return (
        f"[0]scale={width}:{height}:flags=bicubic,format=yuv444p,{again},trim=duration={half},split[still][turn];"
        f"[turn]scroll=h={pan:.8f}[turned];[still][turned]concat[world];"
        f"[1]{again}[one];[2]{again}[two];[3]{again}[three];"
        f"[world][one]overlay=x='{width}*(0.30+0.020*t)':y='{height}*(0.44+0.010*sin(9*t))':format=yuv444:shortest=1[a];"
        f"[a][two]overlay=x='{width}*(0.62-0.035*t)':y='{height}*(0.40+0.015*sin(7*t))':format=yuv444[b];"
        f"[b][three]overlay=x='{width}*(0.45+0.008*sin(5*t))':y='{height}*(0.52+0.03*t)':format=yuv444[c];"
        f"[c]scale={size.width}:{size.height}:flags=bicubic,format=yuv420p,"
        "noise=c0s=5:c0f=t:c1s=3:c1f=t:c2s=3:c2f=t[out]"
    )
