"""A still sphere with the statistics of nature, for measuring where no footage can be shipped: the dead-leaves model.

Opaque discs fall on the sphere until it is covered, their radii by a power law, each with a texture of 1/f spectrum:
edges, occlusion, flat and busy places in about the proportions of photographs (Lee, Mumford and Huang, "Occlusion
models for natural images", IJCV 41, 2001). Seeded: the same picture on every machine.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from panocast.ladder import Size

Picture = NDArray[np.float32]

LEAVES = 12_000  # they cover the sphere nearly three times over
RADII_DEG = (0.6, 40.0)
TEXTURE = 2048


def draw_leaves(path: Path, size: Size, *, seed: int = 1) -> None:
    """Write an equirectangular picture (PNG) of fallen leaves."""
    random = np.random.default_rng(seed)
    texture = _texture(random)
    ground = texture[np.ix_(np.arange(size.height) % TEXTURE, np.arange(size.width) % TEXTURE)]
    picture = np.repeat((110 + 15 * ground)[..., None], 3, axis=2)
    for _ in range(LEAVES):
        _drop_leaf(picture, texture, random)
    # Light from above, as out of doors: the sky's half brighter and smoother than the ground's.
    light = np.linspace(1.15, 0.75, size.height, dtype=np.float32)[:, None, None]
    Image.fromarray(np.clip(picture * light, 4, 250).astype(np.uint8)).save(path, compress_level=1)


def draw_subject(path: Path, side: int, *, seed: int) -> None:
    """Write a textured oval on a transparent ground (PNG): something that moves through the picture."""
    random = np.random.default_rng(seed)
    texture = _texture(random)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    colour = random.uniform(50, 200, 3)
    pixels = np.clip(colour + 30 * texture[:side, :side, None] + 25 * (-y)[..., None], 4, 250)
    alpha = np.clip((1 - np.hypot(x * 1.8, y)) * side / 4, 0, 1)[..., None] * 255
    Image.fromarray(np.concatenate([pixels, alpha], axis=2).astype(np.uint8)).save(path, compress_level=1)


def _texture(random: np.random.Generator) -> Picture:
    """Noise whose amplitude falls with frequency, as in photographs; mean 0, deviation 1."""
    fy, fx = np.fft.fftfreq(TEXTURE)[:, None], np.fft.rfftfreq(TEXTURE)[None, :]
    falloff = 1 / np.maximum(np.hypot(fx, fy), 4 / TEXTURE)
    spectrum = np.fft.rfft2(random.standard_normal((TEXTURE, TEXTURE))) * falloff
    noise = np.fft.irfft2(spectrum, (TEXTURE, TEXTURE))
    return np.asarray((noise - noise.mean()) / noise.std(), np.float32)


def _drop_leaf(picture: Picture, texture: Picture, random: np.random.Generator) -> None:
    height, width, _ = picture.shape
    smallest, largest = RADII_DEG
    # Density r^-3: every octave of radii covers the same area.
    radius = np.radians(1 / np.sqrt(random.uniform(largest**-2, smallest**-2)))
    pitch, yaw = np.arcsin(random.uniform(-1, 1)), random.uniform(-np.pi, np.pi)
    grey, tint, contrast = random.uniform(35, 215), random.normal(0, 14, 3), random.choice((2, 5, 10, 18))
    shade, (top, left) = random.normal(0, 25, 2), random.integers(0, TEXTURE, 2)

    step = np.pi / height
    first, last = (int(np.clip((np.pi / 2 - pitch + sign * radius) / step, 0, height)) for sign in (-1, 1))
    rows = np.arange(first, last)
    reach = np.pi if abs(pitch) + radius >= np.pi / 2 else np.arcsin(min(1.0, np.sin(radius) / np.cos(pitch)))
    middle, half = (yaw / (2 * np.pi) + 0.5) * width, reach / (2 * np.pi) * width
    columns = np.arange(int(middle - half), int(middle + half) + 1)[:width]
    if not rows.size or not columns.size:
        return

    lat = (np.pi / 2 - (rows + 0.5) * step)[:, None]
    lon = ((columns + 0.5) / width * 2 * np.pi - np.pi)[None, :]
    near = np.sin(lat) * np.sin(pitch) + np.cos(lat) * np.cos(pitch) * np.cos(lon - yaw)
    inside = near > np.cos(radius)
    grain = texture[np.ix_((rows + top) % TEXTURE, (columns + left) % TEXTURE)]
    slope = shade[0] * (lat - pitch) / radius
    leaf = (grey + contrast * grain + slope)[..., None] + tint
    place = np.ix_(rows, columns % width)
    picture[place] = np.where(inside[..., None], leaf, picture[place])
