"""Whether the account has room for a stack: quotas that a new account often lacks, looked at before anything is made.

Codes: https://docs.aws.amazon.com/general/latest/gr/ec2-service.html#limits_ec2
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.parameters import VCPUS, Parameters

_SPOT_VCPUS = ("ec2", "L-34B43A08")
_ON_DEMAND_VCPUS = ("ec2", "L-1216C47A")
_ADDRESSES = ("ec2", "L-0263D0A3")
_VPCS = ("vpc", "L-F678F1CE")


@dataclass(frozen=True, slots=True)
class Need:
    """What a stack needs at least to come up, and at most when it is busy, of one quota."""

    what: str
    service: str
    code: str
    least: int
    most: int
    used: int = 0


def needs(stack: Parameters, *, addresses: int = 0, vpcs: int = 0) -> list[Need]:
    """What a stack needs; `addresses` and `vpcs` are what the account has already."""
    vcpus = {"Spot": [0, 0], "On-Demand": [0, 0]}
    workers = stack.worker_max if stack.transcode_engine == "fleet" else 0
    tiers = (
        (stack.origin_on_demand_percent, 2 * VCPUS[stack.origin_size], 2 * VCPUS[stack.origin_size]),
        (
            stack.edge_on_demand_percent,
            stack.edge_min * VCPUS[stack.edge_size],
            stack.edge_max * VCPUS[stack.edge_size],
        ),
        (stack.worker_on_demand_percent, 0, workers * VCPUS[stack.worker_size]),
    )
    for percent, least, most in tiers:
        for market, share in (("On-Demand", percent / 100), ("Spot", 1 - percent / 100)):
            vcpus[market][0] += round(least * share)
            vcpus[market][1] += round(most * share)
    if stack.transcode_engine == "batch":
        vcpus["Spot"][1] += stack.batch_max_vcpus
    return [
        Need("vCPUs of Spot machines", *_SPOT_VCPUS, *vcpus["Spot"]),
        Need("vCPUs of On-Demand machines", *_ON_DEMAND_VCPUS, *vcpus["On-Demand"]),
        Need("Elastic IPs", *_ADDRESSES, 2, 2, addresses),
        Need("VPCs", *_VPCS, 1, 1, vpcs),
    ]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a quota; `stops` when the stack cannot come up at all."""

    text: str
    stops: bool


def judge(need: Need, quota: float) -> Finding | None:
    """What is wrong with a quota, if anything is."""
    free = int(quota) - need.used
    ask = f"ask for more: Service Quotas, {need.service}, {need.code}"
    if free < need.least:
        have = f"{int(quota)} allowed, {need.used} used" if need.used else f"{int(quota)} allowed"
        return Finding(f"{need.what}: {need.least} needed, {have}; {ask}, or choose smaller sizes", True)
    if free < need.most:
        return Finding(f"{need.what}: up to {need.most} wanted when busy, {free} free; {ask}", False)
    return None


def look(client: Callable[[str], Any], stack: Parameters, *, new: bool) -> Iterator[Finding]:
    """Everything wrong with the account's quotas; a quota that may not be asked for is a warning. `new`: the stack does
    not exist yet, so that its addresses and VPC come on top of those there are."""
    addresses, vpcs = _counted(client("ec2")) if new else (-2, -1)
    for need in needs(stack, addresses=addresses, vpcs=vpcs):
        try:
            quotas = client("service-quotas")
            quota = quotas.get_service_quota(ServiceCode=need.service, QuotaCode=need.code)["Quota"]["Value"]
        except (ClientError, BotoCoreError) as error:
            yield Finding(f"{need.what}: the quota could not be looked up ({_short(error)})", False)
            continue
        if finding := judge(need, quota):
            yield finding


def _counted(ec2: Any) -> tuple[int, int]:
    try:
        return len(ec2.describe_addresses()["Addresses"]), len(ec2.describe_vpcs()["Vpcs"])
    except (ClientError, BotoCoreError):
        return 0, 0


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
