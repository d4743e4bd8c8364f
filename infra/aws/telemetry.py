"""What a machine's own figures (Prometheus) become in CloudWatch: few metrics, as dashboard and alarms use them.

Pure: texts in, values out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

NAMESPACE = "panocast"


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of a service."""

    name: str
    labels: Mapping[str, str]
    value: float


def parse(text: str) -> list[Sample]:
    """The figures of a text in Prometheus' format; raises ValueError for anything else."""
    return [
        Sample(sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def figures(role: str, before: Iterable[Sample], now: Iterable[Sample]) -> dict[str, float]:
    """The metrics of one interval, by CloudWatch's name for them, from the samples at its two ends."""
    before, now = list(before), list(now)
    if role == "origin":
        delays = [s.value for s in now if s.name == "panocast_segment_delay_seconds"]
        streams = {s.labels["stream"] for s in now if s.name == "panocast_ffmpeg_starts"}
        return {"LiveStreams": float(len(streams))} | ({"SegmentDelay": max(delays)} if delays else {})
    if role == "edge":
        found = {
            "Viewers": sum(s.value for s in now if s.name == "panocast_edge_viewers"),
            "OriginSwitches": _grown(before, now, "panocast_edge_switches_total"),
            "PlayedSeconds": _grown(before, now, "panocast_viewer_played_seconds_total"),
            "StalledSeconds": _grown(before, now, "panocast_viewer_stalled_seconds_total"),
        }
        sent = _grown(before, now, "panocast_edge_sent_bytes_total")
        fetched = _grown(before, now, "panocast_edge_fetched_bytes_total")
        return found | ({"CacheHitRatio": max(0.0, 1 - fetched / sent)} if sent else {})
    return {"PartsDone": _grown(before, now, "panocast_transcoder_jobs_total", kind="part", ending="done")}


def startups(before: Iterable[Sample], now: Iterable[Sample]) -> dict[float, float]:
    """How many viewers of an edge saw their first picture in one interval, by the seconds that it took at most; so
    CloudWatch can tell percentiles. What took longer than the largest bucket counts as that."""
    before, now, name = list(before), list(now), "panocast_viewer_startup_seconds_bucket"
    found: dict[float, float] = {}
    below = bound = 0.0
    for le in sorted({sample.labels["le"] for sample in now if sample.name == name}, key=float):
        bound = bound if le == "+Inf" else float(le)
        until = _grown(before, now, name, le=le)
        if until > below:
            found[bound] = found.get(bound, 0.0) + until - below
        below = until
    return found


def _grown(before: Iterable[Sample], now: Iterable[Sample], name: str, **labels: str) -> float:
    """By how much counters grew; one that began again counts from zero, one that is gone not at all."""

    def counters(samples: Iterable[Sample]) -> dict[tuple[tuple[str, str], ...], float]:
        return {
            tuple(sorted(s.labels.items())): s.value
            for s in samples
            if s.name == name and labels.items() <= dict(s.labels).items()
        }

    old = counters(before)
    return sum(
        value - old.get(key, 0.0) if value >= old.get(key, 0.0) else value for key, value in counters(now).items()
    )


def as_metric_data(
    values: Mapping[str, float], deployment: str, *, startup_s: Mapping[float, float] | None = None
) -> list[dict[str, object]]:
    """The same as CloudWatch's PutMetricData takes it; `startup_s` as `startups` gives it."""
    dimensions = [{"Name": "Deployment", "Value": deployment}]
    data: list[dict[str, object]] = [
        {"MetricName": name, "Dimensions": dimensions, "Value": value} for name, value in values.items()
    ]
    if startup_s:
        counted = {"Values": list(startup_s), "Counts": list(startup_s.values()), "Unit": "Seconds"}
        data.append({"MetricName": "ViewerStartup", "Dimensions": dimensions, **counted})
    return data
