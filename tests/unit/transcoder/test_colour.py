"""Which colours are converted and which keep their tags."""

from __future__ import annotations

from typing import Any

import pytest

from panocast.ladder import Size
from panocast.probe import Colour
from transcoder.colour import prepare

SIZE = Size(3840, 1920)


def names(colour: Colour) -> list[str]:
    return [name for name, _ in prepare(colour, SIZE)]


def last(colour: Colour, name: str) -> dict[str, Any]:
    return dict([options for found, options in prepare(colour, SIZE) if found == name][-1])


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt470bg"])
def test_colours_that_browsers_show_right_pass_as_they_are(matrix: str) -> None:
    assert names(Colour(matrix, "bt709", "bt709", pixels="yuv420p")) == []


def test_what_has_no_tags_is_tagged_bt709() -> None:
    assert names(Colour()) == ["setparams"]
    assert last(Colour(), "setparams")["colorspace"] == "bt709"


@pytest.mark.parametrize("colour", [Colour(matrix="gbr"), Colour(pixels="gbrp"), Colour(pixels="rgb48le")])
def test_rgb_is_converted_by_the_matrix_it_is_tagged_with(colour: Colour) -> None:
    assert last(colour, "scale")["out_color_matrix"] == last(colour, "setparams")["colorspace"] == "bt709"


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_hdr_is_scaled_then_tone_mapped_to_bt709_in_linear_light(transfer: str) -> None:
    colour = Colour(transfer=transfer, pixels="yuv420p10le")
    found = names(colour)
    assert found.index("scale") < found.index("tonemap")
    assert last(colour, "scale")["w"] == 3840
    assert last(colour, "setparams")["color_primaries"] == "bt2020", "what is not tagged is what HDR usually is"
    assert last(colour, "zscale") == {"primaries": "bt709", "transfer": "bt709", "matrix": "bt709", "range": "tv"}


def test_a_wide_gamut_without_hdr_is_not_tone_mapped() -> None:
    found = names(Colour("bt2020nc", "bt2020-10", "bt2020"))
    assert "tonemap" not in found
    assert "zscale" in found
