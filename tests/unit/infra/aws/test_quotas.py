from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.aws.account import Account
from infra.aws.cli import check_quotas
from infra.aws.parameters import parse_parameters
from infra.aws.quotas import judge, look, needs
from panocast.errors import UsageError


def test_a_stack_needs_what_its_machines_have() -> None:
    stack = parse_parameters({"edge_min": "2", "edge_max": "5", "worker_max": "3", "origin_on_demand_percent": "100"})
    found = {need.what: (need.least, need.most) for need in needs(stack)}
    assert found["vCPUs of On-Demand machines"] == (8, 8)  # two origins, xlarge
    assert found["vCPUs of Spot machines"] == (4, 5 * 2 + 3 * 4)
    assert found["Elastic IPs"] == (2, 2)


def test_too_little_to_come_up_stops_and_too_little_when_busy_warns() -> None:
    spot = needs(parse_parameters({}))[0]
    nothing, some = judge(spot, 0), judge(spot, spot.least)
    assert nothing is not None
    assert nothing.stops
    assert "L-34B43A08" in nothing.text
    assert some is not None
    assert not some.stops
    assert judge(spot, spot.most) is None


def test_addresses_in_use_count() -> None:
    address = needs(parse_parameters({}), addresses=4)[2]
    found = judge(address, 5)
    assert found is not None
    assert found.stops
    assert "5 allowed, 4 used" in found.text


def test_a_new_stack_is_refused_before_anything_is_made_and_an_old_one_is_only_warned(
    capsys: pytest.CaptureFixture[str],
) -> None:
    account, stack = Poor(), parse_parameters({})
    with pytest.raises(UsageError, match=r"no room for this stack: .* nothing was made"):
        check_quotas(account, stack, new=True)
    said = capsys.readouterr().out
    assert "error: vCPUs of Spot machines: 10 needed, 5 allowed; ask for more: Service Quotas, ec2, L-34B43A08" in said
    check_quotas(account, stack, new=False)


class Poor(Account):
    """An account with the quotas of a new one: five vCPUs, five addresses and VPCs, of which none is used."""

    def client(self, service: str) -> Any:
        return self

    def get_service_quota(self, **_: str) -> Any:
        return {"Quota": {"Value": 5.0}}

    def describe_addresses(self) -> Any:
        return {"Addresses": []}

    def describe_vpcs(self) -> Any:
        return {"Vpcs": [{}]}


def test_a_quota_that_may_not_be_asked_for_is_only_a_warning() -> None:
    class Denied:
        def get_service_quota(self, **_: str) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetServiceQuota")

    found = list(look(lambda service: Denied(), parse_parameters({}), new=False))
    assert len(found) == 4
    assert not any(finding.stops for finding in found)
    assert "could not be looked up" in found[0].text
