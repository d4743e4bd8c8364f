"""Viewers' reports: what is taken, what becomes of it, and what is refused."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from edge.beacons import COLUMNS, ROWS, Beacon, BeaconLog, ViewerMetrics, older
from edge.views import density, draw, read_views

ASSET = "cam/20261120T084641Z-primary"
NOW = datetime(2026, 11, 20, 9, 30, 59, tzinfo=UTC)


def beacon(**told: Any) -> Beacon:
    return Beacon.model_validate({"kind": "vod", "stream": ASSET, **told})


@pytest.mark.parametrize(
    "told",
    [
        {"played_s": -1}, {"played_s": 1e9}, {"played_s": float("nan")}, {"stream": "../../etc"}, {"stream": "a\nb"},
        {"stream": ASSET + "/x"}, {"kind": "x" * 50}, {"errors": ["<script>"]}, {"errors": ["codec"] * 11},
        {"views": [[36, 0, 1]]}, {"views": [[0, 18, 1]]}, {"views": [[0, 0, 1]] * 121}, {"id": "who I am"},
    ],
)  # fmt: skip
def test_a_report_of_another_form_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        beacon(**told)


def test_reports_become_figures() -> None:
    registry = CollectorRegistry()
    metrics = ViewerMetrics(registry)
    metrics.take(beacon(startup_s=0.8, played_s=60, stalled_s=2, stalls=1, bitrate_bps=1000, errors=["codec"]))
    metrics.take(beacon(played_s=30, bitrate_bps=4000))
    value = registry.get_sample_value
    vod = {"kind": "vod"}
    assert value("panocast_viewer_played_seconds_total", vod) == 90
    assert value("panocast_viewer_stalled_seconds_total", vod) == 2
    assert value("panocast_viewer_played_bits_total", vod) == 180_000
    assert value("panocast_viewer_startup_seconds_count", vod) == 1
    assert value("panocast_viewer_errors_total", {**vod, "reason": "codec"}) == 1


def test_the_log_is_bounded_and_says_only_the_minute(tmp_path: Path) -> None:
    log = BeaconLog(tmp_path / "beacons.jsonl", most_bytes=2000)
    for _ in range(200):
        log.append(beacon(played_s=60), NOW)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert sum(sizes) <= 4400
    line = json.loads(older(tmp_path / "beacons.jsonl").read_text().splitlines()[0])
    assert line == {"at": "2026-11-20T09:30Z", "kind": "vod", "stream": ASSET, "played_s": 60.0}


def test_directions_of_one_asset_are_added_up_over_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "beacons.jsonl"
    log = BeaconLog(path)
    for views in ([[18, 8, 10]], [[18, 8, 5], [0, 17, 1]]):
        log.append(beacon(views=views), NOW)
    log.append(beacon(stream="cam/20261121T084641Z-primary", views=[[1, 1, 9]]), NOW)
    path.rename(older(path))
    path.write_text(f'{{"at": "2026", "stream": "{ASSET}", "vie')
    assert read_views(path, ASSET) == {(18, 8): 15, (0, 17): 1}


def test_the_map_is_hot_where_they_looked_and_around_the_corner() -> None:
    map_ = Image.open(io.BytesIO(draw({(0, 9): 100, (COLUMNS - 1, 13): 100}, None)))
    assert map_.size == (1440, 720)

    def red(x: int, y: int) -> int:
        pixel = map_.getpixel((x, y))
        assert isinstance(pixel, tuple)
        return int(pixel[0])

    elsewhere = red(720, 380)
    assert red(20, 380) > elsewhere + 60
    assert red(1420, 540) > elsewhere + 60
    assert red(1439, 380) > elsewhere + 30, "the picture's right end is beside its left one"
    assert red(0, 540) > elsewhere + 30, "and its left end beside its right one"


def test_a_cell_near_a_pole_counts_for_its_size() -> None:
    found = density({(0, 0): 1, (0, 9): 1})
    assert found[0] == 1
    assert found[9 * COLUMNS] < 0.1
    assert len(found) == COLUMNS * ROWS
