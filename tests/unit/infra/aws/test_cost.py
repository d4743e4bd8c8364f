"""What `plan` says a stack costs, reckoned again by hand from the table of prices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.aws.cost import ALARMS, METRICS, TABLE, Event, estimate, read_prices
from infra.aws.parameters import parse_parameters
from infra.aws.plan import CPU_HOURS_PER_VIDEO_HOUR, cost_lines
from infra.aws.rendering import FOLDER
from panocast.errors import UsageError
from tests.unit.infra.aws.rendered import templates

P = json.loads(TABLE.read_text())
MONTH_H = 730


def test_every_sum_follows_from_the_table() -> None:
    stack = parse_parameters({"edge_min": "2", "test_source": "yes"})
    cost = estimate(stack, read_prices(), Event(viewers=500), cpu_hours_per_video_hour=CPU_HOURS_PER_VIDEO_HOUR)

    spot = {size: P["on_demand_hour"]["arm64"][size] * P["spot_share"]["arm64"] for size in ("large", "xlarge")}
    disk = {gb: gb * P["disk_gb_month"] / MONTH_H for gb in (40, 12, 60)}
    operations = P["zone_month"] + 7 * P["alarm_month"] + 11 * P["metric_month"] + P["dashboard_month"]
    asleep = 2 * P["public_ipv4_hour"] + operations / MONTH_H
    origins = 2 * (spot["xlarge"] + disk[40])
    edges = 2 * (spot["large"] + disk[12] + P["public_ipv4_hour"])
    balancer = P["balancer_hour"] + 2 * P["public_ipv4_hour"]
    source = P["container_vcpu_hour"] + 2 * P["container_gb_hour"] + P["public_ipv4_hour"]
    idle = asleep + origins + edges + balancer + source
    gigabytes = 500 * 5_000_000 * 3600 / 8 / 1e9
    requests = 500 * 2 * 3600 / 2
    viewers = gigabytes * P["delivery_gb"] + requests / 10_000 * P["delivery_10k_requests"]
    video = CPU_HOURS_PER_VIDEO_HOUR / 4 * (spot["xlarge"] + disk[60] + P["public_ipv4_hour"])

    assert sum(line.per_hour for line in cost.asleep) == pytest.approx(asleep)
    assert cost.idle_hour == pytest.approx(idle)
    assert cost.event_hour == pytest.approx(idle + viewers)
    assert cost.video_hour == pytest.approx(video)
    text = "\n".join(cost_lines(cost, read_prices(), Event(viewers=500)))
    assert "20 November 2026" in text
    for figure in (asleep, idle, idle + viewers, video):
        assert f"{figure:.3f}" in text


def test_the_alarms_and_figures_that_are_reckoned_with_are_those_of_a_stack() -> None:
    kinds = [each["Type"] for template in templates().values() for each in template["Resources"].values()]
    # A policy that tracks a target makes two alarms of its own.
    alarms = kinds.count("AWS::CloudWatch::Alarm") + 2 * kinds.count("AWS::AutoScaling::ScalingPolicy")
    widgets = json.loads((FOLDER / "dashboard.json").read_text())["widgets"]
    told = {m[1] for widget in widgets for m in widget["properties"]["metrics"] if m[0] == "panocast"}
    assert (alarms, len(told)) == (ALARMS, METRICS)


def test_on_demand_costs_what_the_table_says() -> None:
    stack = parse_parameters({"worker_on_demand_percent": "100"})
    cost = estimate(stack, read_prices(), Event(), cpu_hours_per_video_hour=4)
    hour = P["on_demand_hour"]["arm64"]["xlarge"] + 60 * P["disk_gb_month"] / MONTH_H + P["public_ipv4_hour"]
    assert cost.video_hour == pytest.approx(hour)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda table: table.pop("balancer_hour"), "balancer_hour: Field required"),
        (lambda table: table.update(delivery_gb=-1), "delivery_gb: Input should be greater"),
        (lambda table: table.update(spot_share={"arm64": 2}), "spot_share.arm64"),
    ],
)
def test_a_table_of_ones_own_is_checked(change: object, told: str, tmp_path: Path) -> None:
    table = json.loads(TABLE.read_text())
    change(table)  # type: ignore[operator]
    (tmp_path / "prices.json").write_text(json.dumps(table))
    with pytest.raises(UsageError) as refused:
        read_prices(tmp_path / "prices.json")
    assert told in str(refused.value)


def test_a_table_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        read_prices(tmp_path / "none.json")


def test_the_worked_example_in_the_documentation_is_what_comes_out() -> None:
    cost = estimate(parse_parameters({}), read_prices(), Event(), cpu_hours_per_video_hour=CPU_HOURS_PER_VIDEO_HOUR)
    asleep = sum(line.per_hour for line in cost.asleep)
    day = 2 * cost.event_hour + 2 * cost.idle_hour + 2 * cost.video_hour + 20 * asleep
    text = (Path(__file__).parents[4] / "docs" / "aws.md").read_text()
    rows = {row.split("|")[1].strip(): row.split("|")[2].strip() for row in text.splitlines() if row.startswith("| ")}
    assert rows["an hour asleep"] == f"{asleep:.3f}"
    assert rows["an hour awake, idle"] == f"{cost.idle_hour:.3f}"
    assert rows["an event hour, 100 viewers"] == f"{cost.event_hour:.3f}"
    assert rows["an hour of 4K video transcoded"] == f"{cost.video_hour:.3f}"
    (of_a_day,) = [value for name, value in rows.items() if name.startswith("**a day: 2 h event")]
    assert of_a_day == f"**{day:.2f}**"
    assert f"{read_prices().date:%d %B %Y}" in text
