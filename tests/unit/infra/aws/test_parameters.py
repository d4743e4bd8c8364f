from __future__ import annotations

import pytest

from infra.aws.parameters import from_stack, parse_parameters, parse_settings
from panocast.errors import UsageError


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"edge_max": "0"}, "edge-max = '0'"),
        ({"edge_min": "4", "edge_max": "4"}, "edge-max = 4 must be more than edge-min = 4"),
        ({"worker_max": "many"}, "worker-max = 'many'"),
        ({"deployment": "Pano cast"}, "deployment = 'Pano cast'"),
        ({"architecture": "mips"}, "architecture = 'mips'"),
        ({"origin_on_demand_percent": "101"}, "origin-on-demand-percent = '101'"),
        ({"notify_email": "nobody"}, "notify-email = 'nobody'"),
        ({"rtmp_cidr": "everywhere"}, "rtmp-cidr = 'everywhere'"),
        ({"domain_name": "video.example.org"}, "given together or not at all"),
        (
            {"domain_name": "video.example.org", "certificate_arn": "arn:aws:acm:eu-central-1:1:certificate/x"},
            "us-east-1 only",
        ),
        ({"edge_maxx": "3"}, "there is no parameter 'edge-maxx'; there are architecture"),
    ],
)
def test_what_is_out_of_range_is_named_with_its_value_and_the_rule(said: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_parameters(said)
    assert told in str(refused.value)


def test_a_setting_without_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="NAME=VALUE"):
        parse_settings(["edge-max"])
    assert parse_settings(["edge-max=4", "test-source=yes"]) == {"edge_max": "4", "test_source": "yes"}


def test_a_stack_keeps_what_it_was_deployed_with() -> None:
    stack = parse_parameters({"edge_max": "9", "test_source": "yes", "awake": "no", "notify_email": "me@example.org"})
    assert parse_parameters(from_stack(stack.for_stack())) == stack


def test_numbers_are_not_taken_for_yes_and_no() -> None:
    assert parse_parameters({"edge_min": "1"}).for_stack()["EdgeMin"] == "1"
    assert parse_parameters({"worker_on_demand_percent": "0"}).for_stack()["WorkerOnDemandPercent"] == "0"
