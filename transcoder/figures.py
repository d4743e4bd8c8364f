"""What a worker counts: for Prometheus, and as one line of the log for each job."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge

from panocast.layout import EndKey, IngestKey, PartKey
from panocast.queue import Depth

log = logging.getLogger(__name__)


class Ending(StrEnum):
    """How a try at a job ended."""

    DONE = "done"
    FAILED = "failed"  # comes again
    SET_ASIDE = "set_aside"  # failed for good
    GIVEN_BACK = "given_back"
    LOST = "lost"  # its lease; another has it
    WAITING = "waiting"  # for something that has not arrived


@dataclass(frozen=True, slots=True)
class Tried:
    """One try at a job: seconds of wall time, of CPU of its child processes, of video made (0 where it made none);
    bytes of memory at most, read and written."""

    key: str
    kind: str
    ending: Ending
    wall_s: float
    cpu_s: float
    peak_bytes: int
    video_s: float
    read_bytes: int
    written_bytes: int

    @property
    def video_per_cpu_s(self) -> float:
        """Seconds of video for each CPU second."""
        return self.video_s / self.cpu_s if self.cpu_s else 0.0


def kind_of(at: IngestKey) -> str:
    """What sort of job an object makes, in one word."""
    match at:
        case PartKey():
            return "part"
        case EndKey():
            return "finish"
        case _:
            return "upload"


class Figures:
    """Counts in `registry`; `price_per_vcpu_hour` (of whatever currency) makes costs of CPU seconds, None: no costs."""

    def __init__(self, registry: CollectorRegistry | None = None, price_per_vcpu_hour: float | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._price = price_per_vcpu_hour
        name = "panocast_transcoder"
        labels = ["kind", "ending"]
        self._jobs = Counter(f"{name}_jobs", "Tries at jobs that ended", labels, registry=self.registry)
        self._running = Gauge(f"{name}_jobs_running", "Jobs that run now", registry=self.registry)
        self._wall_s = Counter(f"{name}_job_seconds", "Seconds that jobs took", ["kind"], registry=self.registry)
        self._cpu_s = Counter(f"{name}_cpu_seconds", "CPU seconds of jobs", ["kind"], registry=self.registry)
        self._video_s = Counter(f"{name}_video_seconds", "Seconds of video transcoded", registry=self.registry)
        self._bytes = Counter(f"{name}_bytes", "Bytes read and written", ["direction"], registry=self.registry)
        self._cost = Counter(f"{name}_cost", "CPU hours of jobs at the price that is set", registry=self.registry)
        self._messages = Gauge("panocast_queue_messages", "Messages in the queue", ["state"], registry=self.registry)
        self._oldest_s: Gauge | None = None

    def started(self) -> None:
        """A job runs."""
        self._running.inc()

    def ended(self, tried: Tried) -> None:
        """A job runs no longer: count it, and say in one line what it took."""
        self._running.dec()
        self._jobs.labels(tried.kind, tried.ending.value).inc()
        self._wall_s.labels(tried.kind).inc(tried.wall_s)
        self._cpu_s.labels(tried.kind).inc(tried.cpu_s)
        self._video_s.inc(tried.video_s)
        self._bytes.labels("read").inc(tried.read_bytes)
        self._bytes.labels("written").inc(tried.written_bytes)
        cost = self._cost_of(tried)
        self._cost.inc(cost or 0.0)
        log.info("%s", in_words(tried, cost), extra={"figures": figures_of(tried, cost)})

    def queue_is(self, depth: Depth) -> None:
        """How full the queue is now."""
        for state, count in (("waiting", depth.waiting), ("held", depth.held), ("dead", depth.dead)):
            self._messages.labels(state).set(count)
        if depth.oldest_s is not None:
            self._age().set(depth.oldest_s)

    def _age(self) -> Gauge:
        """Made when a queue first tells it: where none does, there is no figure, rather than a wrong one."""
        if self._oldest_s is None:
            what = "Age of the oldest message that waits"
            self._oldest_s = Gauge("panocast_queue_oldest_seconds", what, registry=self.registry)
        return self._oldest_s

    def _cost_of(self, tried: Tried) -> float | None:
        return None if self._price is None else tried.cpu_s / 3600 * self._price


def in_words(tried: Tried, cost: float | None) -> str:
    """One line about a try, for people."""
    said = f"{tried.key}: {tried.ending.value.replace('_', ' ')} after {tried.wall_s:.1f} s, {tried.cpu_s:.1f} s of CPU"
    if tried.peak_bytes:
        said += f", {tried.peak_bytes / 1e6:.0f} MB at most"
    if tried.video_s:
        said += f", {tried.video_s:.1f} s of video ({tried.video_per_cpu_s:.2f} per CPU second)"
    said += f", {tried.read_bytes / 1e6:.1f} MB read, {tried.written_bytes / 1e6:.1f} MB written"
    return said if cost is None else f"{said}, cost about {cost:.6f}"


def figures_of(tried: Tried, cost: float | None) -> dict[str, object]:
    """The same for machines."""
    figures: dict[str, object] = {
        "kind": tried.kind,
        "ending": tried.ending.value,
        "wall_s": round(tried.wall_s, 3),
        "cpu_s": round(tried.cpu_s, 3),
        "peak_bytes": tried.peak_bytes,
        "video_s": round(tried.video_s, 3),
        "video_per_cpu_s": round(tried.video_per_cpu_s, 3),
        "read_bytes": tried.read_bytes,
        "written_bytes": tried.written_bytes,
    }
    return figures if cost is None else figures | {"cost": round(cost, 9)}
