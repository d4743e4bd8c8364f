from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from infra.aws.parameters import parse_parameters
from infra.aws.quotas import judge, look, needs


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


def test_a_quota_that_may_not_be_asked_for_is_only_a_warning() -> None:
    class Denied:
        def get_service_quota(self, **_: str) -> Any:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetServiceQuota")

    found = list(look(lambda service: Denied(), parse_parameters({}), new=False))
    assert len(found) == 4
    assert not any(finding.stops for finding in found)
    assert "could not be looked up" in found[0].text
