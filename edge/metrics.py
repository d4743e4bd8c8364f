"""What an edge measures of itself, for Prometheus: `/metrics` on the agent's loopback port."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_FRESH_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class EdgeMetrics:
    """The edge's figures; a stream's own vanish with its mirror."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._viewers = Gauge("panocast_edge_viewers", "Viewers, approximately", ["stream"], registry=registry)
        self._sent = Counter("panocast_edge_sent_bytes", "Bytes sent to viewers", ["stream"], registry=registry)
        self._origin = Gauge("panocast_edge_origin", "1: the origin in use", ["stream", "origin"], registry=registry)
        self._switches = Counter(
            "panocast_edge_switches", "Changes of the origin in use", ["stream"], registry=registry
        )
        self._objects = Counter("panocast_edge_fetched", "Files fetched from origins", ["origin"], registry=registry)
        self._bytes = Counter("panocast_edge_fetched_bytes", "Bytes fetched", ["origin"], registry=registry)
        self._failures = Counter("panocast_edge_fetch_failures", "Fetches that failed", ["origin"], registry=registry)
        self._fresh = Histogram(
            "panocast_edge_fresh_seconds",
            "From an origin's news of a segment to a playlist with it",
            buckets=_FRESH_S,
            registry=registry,
        )

    @property
    def registry(self) -> CollectorRegistry:
        """Where other figures of the edge join."""
        return self._registry

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)

    def serves(self, stream: str, role: str, *, switched: bool) -> None:
        """A stream comes from an origin from now on."""
        self._forget(self._origin, stream)
        self._origin.labels(stream, role).set(1)
        if switched:
            self._switches.labels(stream).inc()

    def fetched(self, role: str, size: int) -> None:
        """A file of `size` bytes came from an origin."""
        self._objects.labels(role).inc()
        self._bytes.labels(role).inc(size)

    def fresh(self, took_s: float) -> None:
        """A playlist lists a segment, so long after an origin announced it."""
        self._fresh.observe(took_s)

    def failed(self, role: str) -> None:
        """A file could not be had from an origin."""
        self._failures.labels(role).inc()

    def watched(self, stream: str, viewers: float, sent: int) -> None:
        """So many watch a stream, and so many bytes were sent to them since the last call."""
        self._viewers.labels(stream).set(viewers)
        self._sent.labels(stream).inc(sent)

    def forget(self, stream: str) -> None:
        """A stream is mirrored no more."""
        for metric in (self._viewers, self._sent, self._origin, self._switches):
            self._forget(metric, stream)

    @staticmethod
    def _forget(metric: Gauge | Counter, stream: str) -> None:
        labels = [sample.labels for family in metric.collect() for sample in family.samples]
        for values in {tuple(found.values()) for found in labels if found.get("stream") == stream}:
            metric.remove(*values)
