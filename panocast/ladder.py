"""Ladders as tables of data, and the plan for a given source: which rungs, of what size. Nothing is ever upscaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """A picture's width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    def scaled_to(self, width: int) -> Size:
        """This picture at another width, aspect kept, both sides even as 4:2:0 chroma needs."""
        even = width - width % 2
        return Size(even, max(2, 2 * round(even * self.height / self.width / 2)))


@dataclass(frozen=True, slots=True)
class Tier:
    """One line of a ladder's table: a width and the most video bits per second spent at it."""

    width: int
    bitrate_bps: int


@dataclass(frozen=True, slots=True)
class Rung:
    """One line of a plan: the picture's size and its video ceiling. Its width names it."""

    size: Size
    bitrate_bps: int

    @property
    def name(self) -> str:
        """The rung's name in paths and playlists: its width."""
        return str(self.size.width)


LIVE_TIERS = (Tier(1920, 5_800_000), Tier(960, 2_300_000), Tier(480, 500_000))
# Ceilings for hard scenes; what is easy stays below them at constant quality. They double from rung to rung, the step
# that a player's estimate of its bandwidth can tell apart, at 0.08 bit for each pixel and frame (docs/figures.md).
VOD_TIERS = (
    Tier(3840, 16_500_000),
    Tier(2560, 8_000_000),
    Tier(1920, 4_000_000),
    Tier(1280, 2_100_000),
    Tier(960, 1_100_000),
    Tier(640, 500_000),
)
LIVE_AUDIO_BPS = 96_000
VOD_AUDIO_BPS = 128_000


def live_rungs(source: Size, tiers: Sequence[Tier] = LIVE_TIERS) -> tuple[Rung, ...]:
    """The encoded rungs below a live source, largest first; the source itself passes through above them."""
    return tuple(Rung(source.scaled_to(t.width), t.bitrate_bps) for t in tiers if t.width < source.width)


def vod_rungs(source: Size, tiers: Sequence[Tier] = VOD_TIERS) -> tuple[Rung, ...]:
    """The rungs of a VOD, largest first; a source smaller than every tier gets one rung of its own width."""
    rungs = tuple(Rung(source.scaled_to(t.width), t.bitrate_bps) for t in tiers if t.width <= source.width)
    smallest = min(tiers, key=lambda tier: tier.width)
    return rungs or (Rung(source.scaled_to(max(2, source.width)), smallest.bitrate_bps),)
