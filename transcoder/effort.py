"""How hard x264 tries for each rung, chosen by measurement (docs/figures.md, "Quality per bit")."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """An x264 preset, and what is changed of it."""

    preset: str
    params: tuple[str, ...] = ()


# Five B-frames in a row instead of three: most of a sphere stands still, since the camera does.
_B_FRAMES = "bframes=5"
# trellis=1: a point of VMAF for a fifth of the time, the best bargain there is. subme=6: the least at which x264's
# psychovisual optimisation works. The preset's short lookahead, ten frames, stays: each frame that x264 looks ahead
# takes 41 MiB in a 4K ladder, and two parts must fit into the 4 GB that two cores usually come with.
_LARGE = ("trellis=1", "subme=6", _B_FRAMES)
# Motion searched in the simplest way, blocks of 16 and, within a frame, of 8 pixels only: where pixels are this many,
# more takes a sixth of a whole 4K ladder's time and saves one to four percent of the bits.
LARGE = Effort("veryfast", ("me=dia", "partitions=i8x8", *_LARGE))
MEDIUM_WIDTH = 1920
MEDIUM = Effort("veryfast", _LARGE)
# The rungs of up to this width are together a twentieth of a 4K ladder's pixels: trying harder hardly costs there, and
# brings most where bits are fewest.
SMALL_WIDTH = 960
SMALL = Effort("faster", ("subme=6", _B_FRAMES))


def effort(width: int, preset: str | None) -> Effort:
    """The effort for a rung; a preset that somebody asked for is every rung's, just as x264 has it."""
    if preset is not None:
        return Effort(preset)
    if width <= SMALL_WIDTH:
        return SMALL
    return MEDIUM if width <= MEDIUM_WIDTH else LARGE
