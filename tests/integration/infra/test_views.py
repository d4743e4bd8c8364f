"""`panocast views`: from players' reports to a picture."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from panocast.layout import Session
from panocast.store import open_store
from tests.integration.edge.running import running_edge
from tests.media import output_of

pytestmark = pytest.mark.slow

AT = Session("boat", "20261120T084641Z-primary")
ASSET = {
    **{"id": AT.path, "name": AT.name, "session": AT.id, "recording": AT.id, "title": "Boat"},
    **{"duration_s": 60.0, "started": "2026-11-20T08:46:41Z", "published": "2026-11-20T08:50:00Z"},
    **{"rungs": [], "audio_channels": 0, "projection": "equirectangular", "stereo": "top-bottom", "frames": 600},
    **{"poster": "poster.png", "source": {"width": 640, "height": 640}},
}
# The left eye's half is dark, the right eye's is bright.
DARK, BRIGHT = 60, 230
# Columns and rows of ten degrees: 90° right and 30° up, a little to the left, and the right eye's business.
REPORTS = [[[27, 5, 40], [14, 9, 4]], [[27, 5, 20]]]


def poster() -> bytes:
    """Two eyes, one over the other."""
    picture = Image.new("RGB", (64, 64), (BRIGHT,) * 3)
    picture.paste((DARK,) * 3, (0, 0, 64, 32))
    drawn = io.BytesIO()
    picture.save(drawn, "PNG")
    return drawn.getvalue()


async def test_what_players_tell_becomes_a_picture_that_is_hot_where_they_looked(tmp_path: Path) -> None:
    output = tmp_path / "views.png"
    async with running_edge(tmp_path, edge={"viewing_directions": "true"}) as edge:
        assert json.loads((await edge.get("/player.json"))[1])["views"] is True
        egress = open_store(edge.settings.egress_url)
        egress.put_bytes(AT.vod_prefix + "poster.png", poster())
        egress.put_bytes(AT.asset_key, json.dumps(ASSET).encode())
        for stream, views in [
            (AT.path, REPORTS[0]),
            (AT.path, REPORTS[1]),
            ("other/20261120T084641Z-primary", [[0, 0, 99]]),
        ]:
            told = {"kind": "vod", "stream": stream, "played_s": 44, "views": views}
            async with edge.session.post(f"{edge.url}/beacon", data=json.dumps(told)) as answer:
                assert answer.status == 204
        command = (sys.executable, "-m", "infra.cli", "views", AT.path, "-o", str(output), "--state", str(tmp_path))
        said, _ = await output_of(*command)
    assert "1.1 minutes of watching" in said

    map_ = Image.open(output).convert("RGB")
    assert map_.width == 2 * map_.height

    def at(yaw_deg: float, pitch_deg: float) -> tuple[int, int, int]:
        spot = (round((yaw_deg + 180) / 360 * map_.width), round((90 - pitch_deg) / 180 * map_.height))
        red, green, blue = map_.getpixel(spot)  # type: ignore[misc]
        return int(red), int(green), int(blue)

    red, green, blue = at(95, 35)
    assert red > 150 > max(green, blue) + 50, "hot where they looked most"
    assert at(-35, -5) != (DARK,) * 3, "warm where they looked a little"
    for elsewhere in ((0, 60), (-120, 0), (95, -60), (-175, 85)):
        assert at(*elsewhere) == (DARK,) * 3, "the left eye's poster where nobody looked"
