"""What a sphere's layout is called, wherever it is told."""

from __future__ import annotations

from typing import Any

import pytest

from panocast.ladder import Size
from panocast.projection import Orientation, Projection, Stereo, guess_stereo, read_orientation, read_spherical

V1 = b"""<rdf:SphericalVideo><GSpherical:Spherical>true</GSpherical:Spherical>
<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>
<GSpherical:StereoMode>top-bottom</GSpherical:StereoMode></rdf:SphericalVideo>"""


@pytest.mark.parametrize(
    ("side_data", "expected"),
    [
        ([], (None, None)),
        (
            [{"side_data_type": "Spherical Mapping", "projection": "equirectangular"}],
            (Projection.EQUIRECTANGULAR, None),
        ),
        ([{"side_data_type": "Spherical Mapping", "projection": "Cubemap"}], (Projection.CUBEMAP, None)),
        ([{"side_data_type": "Stereo 3D", "type": "side by side"}], (None, Stereo.LEFT_RIGHT)),
        ([{"side_data_type": "Stereo 3D", "type": "top and bottom"}], (None, Stereo.TOP_BOTTOM)),
        ([{"side_data_type": "Stereo 3D", "type": "something new"}], (None, None)),
        ([{"side_data_type": "Display Matrix", "rotation": 90}], (None, None)),
    ],
)
def test_side_data_tells(side_data: list[dict[str, Any]], expected: tuple[object, object]) -> None:
    assert read_spherical(side_data) == expected


def test_version_one_metadata_tells() -> None:
    assert read_spherical([], V1) == (Projection.EQUIRECTANGULAR, Stereo.TOP_BOTTOM)


def test_boxes_are_stronger_than_version_one_metadata() -> None:
    boxes = [{"side_data_type": "Spherical Mapping", "projection": "cubemap"}]
    assert read_spherical(boxes, V1)[0] == Projection.CUBEMAP


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, Orientation()),
        ({"yaw": -45, "pitch": 10, "roll": 5}, Orientation(-45, 10, 5)),
        ({"yaw": 270, "pitch": 0, "roll": 0}, Orientation(-90, 0, 0)),
        ({"yaw": 32767, "pitch": 200, "roll": "x"}, Orientation(0, 90, 0)),
    ],
)
def test_the_pose_of_the_camera_is_told_in_range(told: dict[str, Any], expected: Orientation) -> None:
    assert read_orientation([{"side_data_type": "Spherical Mapping", "projection": "cubemap", **told}]) == expected


@pytest.mark.parametrize(
    ("size", "stereo"),
    [
        (Size(3840, 1920), Stereo.MONO),
        (Size(1920, 1080), Stereo.MONO),
        (Size(3840, 3840), Stereo.TOP_BOTTOM),
        (Size(7680, 1920), Stereo.LEFT_RIGHT),
    ],
)
def test_the_shape_suggests_the_stereo_mode(size: Size, stereo: Stereo) -> None:
    assert guess_stereo(size) == stereo
