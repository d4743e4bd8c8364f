from __future__ import annotations

import json
from collections import deque

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from edge.beacons import Beacon, ViewerMetrics
from infra.aws.report import BATCH_BYTES, Line, parse_line, take_batch
from infra.aws.telemetry import as_metric_data, figures, parse, startups

EDGE = """\
panocast_edge_viewers{stream="a"} 10.0
panocast_edge_viewers{stream="b"} 5.0
panocast_edge_switches_total{stream="a"} %d
panocast_edge_sent_bytes_total{stream="a"} %d
panocast_edge_fetched_bytes_total{origin="primary"} %d
"""


def test_an_edge_tells_viewers_changes_of_the_origin_and_its_hit_ratio() -> None:
    told = figures("edge", parse(EDGE % (1, 1000, 100)), parse(EDGE % (3, 3000, 300)))
    assert told == {
        "Viewers": 15,
        "OriginSwitches": 2,
        "CacheHitRatio": pytest.approx(0.9),
        "PlayedSeconds": 0,
        "StalledSeconds": 0,
    }


VIEWERS = """\
panocast_viewer_startup_seconds_bucket{kind="live",le="1.0"} %d
panocast_viewer_startup_seconds_bucket{kind="live",le="30.0"} %d
panocast_viewer_startup_seconds_bucket{kind="live",le="+Inf"} %d
panocast_viewer_startup_seconds_bucket{kind="vod",le="1.0"} 5
panocast_viewer_startup_seconds_bucket{kind="vod",le="30.0"} 5
panocast_viewer_startup_seconds_bucket{kind="vod",le="+Inf"} 5
panocast_viewer_played_seconds_total{kind="live"} %d
panocast_viewer_stalled_seconds_total{kind="live"} %d
"""


def test_what_viewers_report_becomes_start_up_times_and_rebuffering() -> None:
    before, now = parse(VIEWERS % (1, 2, 2, 100, 1)), parse(VIEWERS % (4, 6, 8, 400, 4))
    # Of six new ones three saw it within a second, one within 30, and two later still.
    assert startups(before, now) == {1.0: 3, 30.0: 3}
    told = figures("edge", before, now)
    assert (told["PlayedSeconds"], told["StalledSeconds"]) == (300, 3)
    data = as_metric_data({}, "mine", startup_s=startups(before, now))
    (startup,) = data
    assert (startup["MetricName"], startup["Values"], startup["Counts"]) == ("ViewerStartup", [1.0, 30.0], [3, 3])
    assert as_metric_data({}, "mine", startup_s=startups(now, now)) == []


def test_the_real_metrics_of_an_edge_are_understood() -> None:
    registry = CollectorRegistry()
    metrics = ViewerMetrics(registry)
    before = parse(generate_latest(registry).decode())
    metrics.take(Beacon(kind="live", stream="a", startup_s=0.7, played_s=50, stalled_s=2))
    now = parse(generate_latest(registry).decode())
    assert startups(before, now) == {1.0: 1}
    assert figures("edge", before, now)["StalledSeconds"] == 2


def test_counters_that_begin_again_count_from_zero() -> None:
    told = figures("edge", parse(EDGE % (7, 1000, 100)), parse(EDGE % (2, 1000, 100)))
    assert told["OriginSwitches"] == 2


def test_without_a_byte_sent_there_is_no_ratio() -> None:
    assert "CacheHitRatio" not in figures("edge", [], [])


def test_an_origin_tells_its_streams_and_the_slowest_rung() -> None:
    now = parse(
        'panocast_ffmpeg_starts{stream="a"} 2\n'
        'panocast_segment_delay_seconds{stream="a",rung="1920"} 0.2\n'
        'panocast_segment_delay_seconds{stream="a",rung="640"} 0.5\n'
    )
    assert figures("origin", [], now) == {"LiveStreams": 1, "SegmentDelay": 0.5}
    assert figures("origin", now, []) == {"LiveStreams": 0}


def test_a_worker_tells_the_parts_it_has_done() -> None:
    text = 'panocast_transcoder_jobs_total{kind="part",ending="done"} %d\n'
    text += 'panocast_transcoder_jobs_total{kind="part",ending="failed"} 9\n'
    assert figures("worker", parse(text % 2), parse(text % 5)) == {"PartsDone": 3}


def test_metric_data_is_cloudwatchs() -> None:
    assert as_metric_data({"Viewers": 3.0}, "mine") == [
        {"MetricName": "Viewers", "Dimensions": [{"Name": "Deployment", "Value": "mine"}], "Value": 3.0}
    ]


def entry(message: object, **more: object) -> str:
    fields = {"_SYSTEMD_UNIT": "panocast-edge.service", "__REALTIME_TIMESTAMP": "1763650000123456", "__CURSOR": "c1"}
    return json.dumps({**fields, "MESSAGE": message, **more})


def test_a_line_of_the_journal_is_read_and_its_keys_are_blanked() -> None:
    line = parse_line(entry("publish rtmp://host/live/cam?key=abcdefghijklmnopqrstuvwxyz012345"))
    assert line is not None
    assert (line.at_ms, line.cursor) == (1_763_650_000_123, "c1")
    assert line.text.startswith("panocast-edge: publish")
    assert "abcdefghij" not in line.text


@pytest.mark.parametrize("said", ["", "nonsense", "[]", "{}", '{"MESSAGE": "x"}', "null"])
def test_nonsense_in_the_journal_is_passed_over(said: str) -> None:
    assert parse_line(said) is None


def test_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    line = parse_line(entry([104, 105, 255]))
    assert line is not None
    assert line.text == "panocast-edge: hi\ufffd"


def test_a_batch_keeps_to_the_limits_and_loses_nothing() -> None:
    lines = deque(Line(1, "x" * 90_000, str(number)) for number in range(25))
    seen: list[str] = []
    while batch := take_batch(lines):
        assert sum(len(line.text) + 26 for line in batch) <= BATCH_BYTES
        seen += [line.cursor for line in batch]
    assert seen == [str(number) for number in range(25)]
