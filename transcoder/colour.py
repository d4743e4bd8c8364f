"""The filters that make any picture one that every player shows right: 8 bit, limited range, standard dynamic range.

Colours that browsers show right (BT.709, BT.601) keep their tags. HDR and BT.2020 become BT.709; so do RGB, and what
has no tags, which is taken for what HD cameras and encoders make.
"""

from __future__ import annotations

from collections.abc import Sequence

from panocast.ffmpeg import Options
from panocast.ladder import Size
from panocast.probe import Colour

Filter = tuple[str, Options]

HDR_TRANSFERS = ("smpte2084", "arib-std-b67")
# 1.0 in linear light, in cd/m²: HDR's white (ITU-R BT.2408). Its grey card comes out at 42 % of the signal, where SDR
# has it, white at 85 %; what is above goes into the rest.
_UNIT_NITS = 203
# What is mastered brighter is clipped: HLG's nominal peak, and that of most HDR10.
_PEAK_NITS = 1000
_BT709: Options = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}


def prepare(colour: Colour, largest: Size) -> Sequence[Filter]:
    """What frames pass before they are scaled to the rungs, of which `largest` is the first."""
    if colour.transfer in HDR_TRANSFERS:
        return _tone_mapped(colour, largest)
    if colour.primaries == "bt2020" or (colour.matrix or "").startswith("bt2020"):
        return _in_bt709(colour, largest)
    if colour.matrix == "gbr" or _is_rgb(colour.pixels):
        return (
            ("scale", {"out_color_matrix": "bt709", "out_range": "tv"}),
            ("format", {"pix_fmts": "yuv420p"}),
            ("setparams", {**_BT709, "range": "tv"}),
        )
    # Full range becomes limited by itself, with the change to 8 bit limited that the encoder asks for.
    return () if colour.matrix else (("setparams", _BT709),)


def _is_rgb(pixels: str | None) -> bool:
    return (pixels or "").startswith(("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8"))


def _tone_mapped(colour: Colour, largest: Size) -> Sequence[Filter]:
    return (
        *_wide(colour, largest),
        ("zscale", {"transfer": "linear", "npl": _UNIT_NITS}),
        ("format", {"pix_fmts": "gbrpf32le"}),
        ("zscale", {"primaries": "bt709"}),
        # Möbius leaves everything up to 0.3 (45 cd/m²: skin, grass, walls) as it is and bends what is brighter.
        ("tonemap", {"tonemap": "mobius", "param": 0.3, "peak": _PEAK_NITS / _UNIT_NITS, "desat": 0}),
        *_TO_BT709,
    )


def _in_bt709(colour: Colour, largest: Size) -> Sequence[Filter]:
    return (*_wide(colour, largest), *_TO_BT709)


def _wide(colour: Colour, largest: Size) -> Sequence[Filter]:
    """Scaled first, since what follows costs far more for each pixel; what is not tagged is what HDR usually is."""
    tags = {
        "color_primaries": colour.primaries or "bt2020",
        "color_trc": colour.transfer or "bt2020-10",
        "colorspace": colour.matrix or "bt2020nc",
        "range": "pc" if colour.full_range else "tv",
    }
    return (("scale", {"w": largest.width, "h": largest.height, "flags": "bicubic"}), ("setparams", tags))


_TO_BT709: Sequence[Filter] = (
    ("zscale", {"primaries": "bt709", "transfer": "bt709", "matrix": "bt709", "range": "tv"}),
    ("format", {"pix_fmts": "yuv420p"}),
)
