"""The 360° test card in every projection and stereo mode, and what a viewer should see of it in any direction."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.async_api import Page

from panocast.ladder import Size
from panocast.testcard import Card, find_fonts, render_argv
from tests.e2e.player_site import run

Picture = NDArray[np.float64]
"""Rows, columns, and red, green, blue from 0 to 255."""

# Each projection's name in ffmpeg's v360 filter, and the size of one eye's picture.
LAYOUTS = {
    "equirectangular": ("e", Size(1280, 640)),
    "half-equirectangular": ("hequirect", Size(640, 640)),
    "cubemap": ("c3x2", Size(960, 640)),
    "eac": ("eac", Size(960, 640)),
    "dual-fisheye": ("dfisheye", Size(1280, 640)),
}
STACKS = {"mono": None, "top-bottom": "vstack", "left-right": "hstack"}

# The right eye sees the card with its colours exchanged, so that nobody can take one eye's picture for the other's.
EXCHANGED = "colorchannelmixer=rr=0:rg=1:gg=0:gb=1:bb=0:br=1"


async def make_card(folder: Path) -> None:
    """`left.png` and `right.png`: the equirectangular card of each eye, a little blurred, so that what differs by less
    than a degree differs little."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    card = Card(size=LAYOUTS["equirectangular"][1], fps=10, gop_s=1, wall_clock=False, audio=False)
    await run(*render_argv(folder / "card.mp4", 0.1, card, find_fonts()))
    one: list[str | Path] = ["ffmpeg", "-v", "error", "-y", "-i", folder / "card.mp4", "-frames:v", "1", "-vf"]
    await run(*one, "format=gbrp,gblur=sigma=3", folder / "left.png")
    await run(*one, f"format=gbrp,gblur=sigma=3,{EXCHANGED}", folder / "right.png")


async def make_sphere(card: Path, folder: Path, projection: str, stereo: str) -> None:
    """An asset of one second whose pictures are the card in this layout."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    layout, size = LAYOUTS[projection]
    # Interpolated colours, not the nearest: a picture that is half a pixel off would not show otherwise.
    to = f"format=gbrp,v360=input=e:output={layout}:w={size.width}:h={size.height}:interp=linear"
    stack = STACKS[stereo]
    graph = f"[0:v]{to}[left];[1:v]{to}[right];[left][right]{stack}" if stack else f"[0:v]{to}"
    graph += ",scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,loop=loop=9:size=1,setpts=N/10/TB"
    eyes: list[str | Path] = ["-i", card / "left.png", *(("-i", card / "right.png") if stack else ())]
    await run(
        *["ffmpeg", "-v", "error", "-y", *eyes, "-filter_complex", graph, "-r", "10"],
        *["-c:v", "libx264", "-preset", "ultrafast", "-qp", "8", "-bf", "0", "-g", "10"],
        *["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"],
        *["-f", "hls", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4", "-b:v", "1M"],
        *["-master_pl_name", "master.m3u8", "rung.m3u8"],
        cwd=folder,
    )


@dataclass(frozen=True, slots=True)
class Sight:
    """A square view: where its middle looks, and how much it takes in."""

    yaw_deg: float
    pitch_deg: float
    fov_deg: float
    pixels: int = 48


# Six of 90° are everything. The others look closely at where faces of one layout or the other meet, or eyes do.
WHOLE = [Sight(yaw, 0, 90) for yaw in (0, 90, 180, -90)] + [Sight(0, pitch, 90) for pitch in (90, -90)]
SEAMS = [
    *(Sight(yaw, pitch, 2) for yaw in (45, -45, 135, -135) for pitch in (0, 20)),
    *(Sight(yaw, pitch, 2) for yaw in (20, 110, -70, 160) for pitch in (46.2, -46.2, 44, -44)),
    *(Sight(180, pitch, 2) for pitch in (10, -30)),
    *(Sight(yaw, pitch, 2) for yaw in (30, -120) for pitch in (89, -89)),
    *(Sight(yaw, 30, 2) for yaw in (90, -90)),
]

# Draws the page's own scene once more, as a headset does for each eye: three.js keeps layer 1 for the left one and
# layer 2 for the right one.
DRAW = """
([layer, sights]) => {
  const { THREE } = AFRAME;
  const { renderer, object3D } = document.querySelector('a-scene');
  const camera = new THREE.PerspectiveCamera(90, 1, 0.1, 100);
  camera.layers.enable(layer);
  return sights.map(([yaw_deg, pitch_deg, fov_deg, pixels]) => {
    camera.fov = fov_deg;
    camera.rotation.set((pitch_deg * Math.PI) / 180, (-yaw_deg * Math.PI) / 180, 0, 'YXZ');
    camera.updateProjectionMatrix();
    camera.updateMatrixWorld();
    const target = new THREE.WebGLRenderTarget(pixels, pixels);
    const before = renderer.getRenderTarget();
    renderer.setRenderTarget(target);
    renderer.render(object3D, camera);
    const read = new Uint8Array(pixels * pixels * 4);
    renderer.readRenderTargetPixels(target, 0, 0, pixels, pixels, read);
    renderer.setRenderTarget(before);
    target.dispose();
    return btoa(String.fromCharCode(...read));
  });
}
"""


async def drawn(page: Page, eye: str, sights: list[Sight]) -> list[Picture]:
    """What the page draws for an eye."""
    asked = [[s.yaw_deg, s.pitch_deg, s.fov_deg, s.pixels] for s in sights]
    answers: list[str] = await page.evaluate(DRAW, [{"left": 1, "right": 2}[eye], asked])
    pictures = []
    for answer, sight in zip(answers, sights, strict=True):
        values = np.frombuffer(base64.b64decode(answer), np.uint8).reshape(sight.pixels, sight.pixels, 4)
        pictures.append(values[::-1, :, :3].astype(np.float64))  # WebGL counts rows from below.
    return pictures


def directions(sight: Sight) -> Picture:
    """The direction (right, up, ahead) of each pixel of a view."""
    half = np.tan(np.radians(sight.fov_deg) / 2)
    across = (np.arange(sight.pixels) + 0.5) / sight.pixels * 2 - 1
    x, y = np.meshgrid(across * half, -across * half)
    rays = np.stack([x, y, np.ones_like(x)], axis=-1)
    yaw, pitch = np.radians([sight.yaw_deg, sight.pitch_deg])
    up = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    around = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    turned: Picture = rays @ (around @ up).T
    turned /= np.linalg.norm(turned, axis=-1, keepdims=True)
    return turned


def expected(card: Picture, rays: Picture) -> Picture:
    """The equirectangular card's colours in these directions, between pixels by distance."""
    height, width, _ = card.shape
    x = (np.arctan2(rays[..., 0], rays[..., 2]) / (2 * np.pi) + 0.5) * width - 0.5
    y = (0.5 - np.arcsin(np.clip(rays[..., 1], -1, 1)) / np.pi) * height - 0.5
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    along, down = (x - left)[..., None], (y - top)[..., None]

    def at(row: Any, column: Any) -> Picture:
        there: Picture = card[np.clip(row, 0, height - 1), column % width]
        return there

    upper = at(top, left) * (1 - along) + at(top, left + 1) * along
    lower = at(top + 1, left) * (1 - along) + at(top + 1, left + 1) * along
    between: Picture = upper * (1 - down) + lower * down
    return between


def read_card(path: Path) -> Picture:
    """A picture file."""
    picture: Picture = np.asarray(Image.open(path).convert("RGB")).astype(np.float64)
    return picture
