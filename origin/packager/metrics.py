"""What Prometheus is told of an origin's live streams, read off when it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from origin.packager.stream import PackagedStream

# Where there is no ffmpeg, or not for long enough, there is no figure.
_PER_STREAM: dict[str, tuple[str, Callable[[PackagedStream], float | None]]] = {
    "panocast_keyframe_interval_seconds": (
        "The last interval between keyframes of the source",
        lambda stream: stream.package.gop_ms / 1000 if stream.package.gop_ms else None,
    ),
    "panocast_ladder_speed_ratio": (
        "Seconds encoded in each second of the last ten; below 1 the machine is too slow",
        lambda stream: stream.ladder_speed,
    ),
    "panocast_shed_rungs": ("Rungs left out because the machine is too slow", lambda stream: len(stream.shed)),
    "panocast_window_bytes": ("Segments kept in memory", lambda stream: stream.package.window.bytes),
    "panocast_ffmpeg_starts": ("How often the stream's ffmpegs were started", lambda stream: stream.starts),
}
_PER_RUNG: dict[str, tuple[str, Callable[[PackagedStream], Mapping[int, float]]]] = {
    "panocast_bitrate_bits_per_second": (
        "What a rung takes, everything counted, over its last segments",
        lambda stream: stream.package.bitrates_bps(),
    ),
    "panocast_segment_delay_seconds": (
        "From the keyframe that ends a segment until the segment can be had, for the last one",
        lambda stream: stream.package.delays_s,
    ),
}


class LiveCollector(Collector):
    """The figures of these streams; register it in the agent's registry."""

    def __init__(self, streams: Mapping[str, PackagedStream]) -> None:
        self._streams = streams

    def collect(self) -> Iterable[Metric]:
        """Every figure as it is now."""
        for name, (help_text, value_of) in _PER_STREAM.items():
            family = GaugeMetricFamily(name, help_text, labels=["stream"])
            for stream in self._streams.values():
                if (value := value_of(stream)) is not None:
                    family.add_metric([stream.name], value)
            yield family
        for name, (help_text, values_of) in _PER_RUNG.items():
            family = GaugeMetricFamily(name, help_text, labels=["stream", "rung"])
            for stream in self._streams.values():
                for width, value in values_of(stream).items():
                    family.add_metric([stream.name, str(width)], value)
            yield family
