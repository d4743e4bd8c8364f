"""What a stack costs, estimated before it is there: pure, from its parameters and a table of prices."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.aws.parameters import Parameters
from panocast.errors import UsageError

TABLE = Path(__file__).resolve().parent / "prices.json"
HOURS_A_MONTH = 730
DISK_GB = {"origin": 40, "edge": 12, "worker": 60}
# Ours and the two that each of the two scaling policies makes; what machines and Lambda tell (infra/aws/telemetry.py).
ALARMS, METRICS = 3 + 2 * 2, 11

Price = Annotated[float, Field(ge=0)]


class Prices(BaseModel):
    """A table of list prices, all in `currency`: by the hour, GB, month or number of requests, as each name says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: date
    region: str
    currency: str
    source: str
    on_demand_hour: dict[str, dict[str, Price]]
    spot_share: dict[str, Annotated[float, Field(gt=0, le=1)]]
    vcpus: dict[str, Annotated[int, Field(gt=0)]]
    public_ipv4_hour: Price
    disk_gb_month: Price
    balancer_hour: Price
    balancer_unit_hour: Price
    balancer_unit_gb_hour: Annotated[float, Field(gt=0)]
    delivery_gb: Price
    delivery_10k_requests: Price
    transfer_between_zones_gb: Price
    storage_gb_month: Price
    cold_storage_gb_month: Price
    queue_million_requests: Price
    s3_1k_puts: Price
    zone_month: Price
    alarm_month: Price
    metric_month: Price
    dashboard_month: Price
    logs_gb: Price
    container_vcpu_hour: Price
    container_gb_hour: Price

    def vcpu_hour(self, architecture: str) -> float:
        """An hour of one vCPU of a Spot machine, without disk and address."""
        return self.on_demand_hour[architecture]["xlarge"] / self.vcpus["xlarge"] * self.spot_share[architecture]

    def machine_hour(self, architecture: str, size: str, on_demand_percent: int, disk_gb: int) -> float:
        """An hour of one machine with its disk and its public address, On-Demand for a part of the time."""
        on_demand = self.on_demand_hour[architecture][size]
        share = on_demand_percent / 100
        machine = on_demand * (share + (1 - share) * self.spot_share[architecture])
        return machine + self.public_ipv4_hour + disk_gb * self.disk_gb_month / HOURS_A_MONTH


def read_prices(path: Path = TABLE) -> Prices:
    """The table of a file; raises UsageError that says what is wrong with it."""
    try:
        return Prices.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        reason = error.errors()[0] if isinstance(error, ValidationError) else None
        said = f"{'.'.join(map(str, reason['loc']))}: {reason['msg']}" if reason else str(error)
        raise UsageError(f"the price table {path} cannot be used: {said}") from error


@dataclass(frozen=True, slots=True)
class Event:
    """An hour of a live event, for the estimate: viewers at a time and the bits/s each takes on average."""

    viewers: int = 100
    bitrate_bps: int = 5_000_000
    segment_s: float = 2.0

    @property
    def gb_hour(self) -> float:
        """What they take in an hour, in GB."""
        return self.viewers * self.bitrate_bps * 3600 / 8 / 1e9

    @property
    def requests_hour(self) -> float:
        """What they ask for in an hour: a segment and a playlist each time."""
        return self.viewers * 2 * 3600 / self.segment_s


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an estimate: what costs, and how much of it in an hour."""

    what: str
    per_hour: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a stack costs: each hour it sleeps, each hour it is awake, what an event's viewers add to an hour, and an
    hour of 4K video made into VOD."""

    asleep: tuple[Line, ...]
    awake: tuple[Line, ...]
    viewers: tuple[Line, ...]
    transcoding: tuple[Line, ...]

    @property
    def idle_hour(self) -> float:
        """An hour awake without an event."""
        return total(self.awake)

    @property
    def event_hour(self) -> float:
        """An hour with one."""
        return total(self.awake) + total(self.viewers)

    @property
    def video_hour(self) -> float:
        """An hour of video, transcoded."""
        return total(self.transcoding)


def total(lines: tuple[Line, ...]) -> float:
    """The sum of some lines."""
    return sum(line.per_hour for line in lines)


def estimate(stack: Parameters, prices: Prices, event: Event, *, cpu_hours_per_video_hour: float) -> Estimate:
    """Estimate a stack; `cpu_hours_per_video_hour` is what an hour of 4K takes, measured (docs/figures.md)."""
    kept = (
        Line("two addresses that encoders publish to", 2 * prices.public_ipv4_hour),
        Line("name, alarms, metrics, dashboard", _operations(prices)),
    )
    arch = stack.architecture
    origin = prices.machine_hour(arch, stack.origin_size, stack.origin_on_demand_percent, DISK_GB["origin"])
    edge = prices.machine_hour(arch, stack.edge_size, stack.edge_on_demand_percent, DISK_GB["edge"])
    awake = [
        # Their addresses are those two.
        Line(f"2 origins, {stack.origin_size}", 2 * (origin - prices.public_ipv4_hour)),
        Line(f"{stack.edge_min} edge(s), {stack.edge_size}", stack.edge_min * edge),
        Line("load balancer and its two addresses", prices.balancer_hour + 2 * prices.public_ipv4_hour),
    ]
    if stack.test_source:
        container = prices.container_vcpu_hour + 2 * prices.container_gb_hour
        awake.append(Line("test source", container + prices.public_ipv4_hour))
    viewers = (
        Line(f"{event.viewers} viewers, {event.gb_hour:.0f} GB from CloudFront", event.gb_hour * prices.delivery_gb),
        Line("their requests", event.requests_hour / 10_000 * prices.delivery_10k_requests),
    )
    return Estimate(kept, (*kept, *awake), viewers, _transcoding(stack, prices, cpu_hours_per_video_hour))


def _operations(prices: Prices) -> float:
    month = prices.zone_month + ALARMS * prices.alarm_month + METRICS * prices.metric_month + prices.dashboard_month
    return month / HOURS_A_MONTH


def _transcoding(stack: Parameters, prices: Prices, cpu_hours: float) -> tuple[Line, ...]:
    machine = prices.machine_hour(
        stack.architecture, stack.worker_size, stack.worker_on_demand_percent, DISK_GB["worker"]
    )
    hours = cpu_hours / prices.vcpus[stack.worker_size]
    return (Line(f"{hours:.1f} h of a worker, {stack.worker_size}", hours * machine),)
