"""A machine's log lines and figures, as CloudWatch gets them, against moto."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from infra.aws.report import LogShipper, report
from infra.aws.telemetry import NAMESPACE, as_metric_data
from panocast.settings import load_settings
from tests.aws import AwsServer
from tests.waiting import eventually

pytestmark = pytest.mark.slow

FIGURES = 'panocast_edge_viewers{stream="a"} 7.0\n'


def entry(number: int, cursor: str = "") -> str:
    fields = {"_SYSTEMD_UNIT": "panocast-edge.service", "MESSAGE": f"line {number}", "__CURSOR": cursor or f"c{number}"}
    # CloudWatch leaves out what is older than two weeks.
    return json.dumps(fields | {"__REALTIME_TIMESTAMP": str(time.time_ns() // 1000 + number * 1000)})


def group(aws: AwsServer) -> str:
    name = f"/panocast/{uuid.uuid4().hex[:8]}"
    aws.client("logs").create_log_group(logGroupName=name)
    return name


def lines(aws: AwsServer, of: str) -> list[str]:
    logs = aws.client("logs")
    if not logs.describe_log_streams(logGroupName=of)["logStreams"]:
        return []
    events = logs.get_log_events(logGroupName=of, logStreamName="i-1", startFromHead=True)["events"]
    return [event["message"] for event in events]


def test_lines_arrive_in_order_and_a_start_goes_on_where_the_last_one_ended(aws: AwsServer, tmp_path: Path) -> None:
    name = group(aws)
    shipper = LogShipper(aws.client("logs"), name, "i-1", tmp_path / "cursor")
    for number in range(3):
        shipper.take(entry(number))
    shipper.take("nonsense")
    shipper.ship()
    assert lines(aws, name) == [f"panocast-edge: line {number}" for number in range(3)]
    assert (tmp_path / "cursor").read_text() == "c2"


def test_what_cloudwatch_does_not_take_is_still_there_for_the_next_time(aws: AwsServer, tmp_path: Path) -> None:
    shipper = LogShipper(aws.client("logs"), "/panocast/no-such-group", "i-1", tmp_path / "cursor")
    shipper.take(entry(1))
    with pytest.raises(shipper.client.exceptions.ResourceNotFoundException):
        shipper.ship()
    shipper.group = group(aws)
    shipper.ship()
    assert lines(aws, shipper.group) == ["panocast-edge: line 1"]


def test_start_up_times_arrive_as_what_percentiles_are_made_of(aws: AwsServer) -> None:
    cloudwatch, deployment = aws.client("cloudwatch"), f"d{uuid.uuid4().hex[:6]}"
    data = as_metric_data({"StalledSeconds": 3.0}, deployment, startup_s={1.0: 9, 30.0: 1})
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    now = datetime.now(UTC)
    (told,) = cloudwatch.get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName="ViewerStartup",
        Dimensions=[{"Name": "Deployment", "Value": deployment}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=600,
        Statistics=["SampleCount", "Maximum"],
    )["Datapoints"]
    assert (told["SampleCount"], told["Maximum"]) == (10, 30.0)


async def test_the_service_tells_logs_and_figures(
    aws: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bin" / "journalctl"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho '{entry(1)}'\nexec sleep 600\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    app = web.Application()

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=FIGURES)

    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    settings = load_settings(tmp_path, overrides={"edge": {"agent_port": port}})
    deployment, name = f"d{uuid.uuid4().hex[:6]}", group(aws)
    stack_env = {"ROLE": "edge", "DEPLOYMENT": deployment, "LOG_GROUP": name, "VCPU_HOUR_PRICE": "0.5"}
    task = asyncio.create_task(report(settings, stack_env, aws.client, "i-1"))
    try:
        await eventually(lambda: lines(aws, name))

        def told() -> set[str]:
            found = aws.client("cloudwatch").list_metrics(Dimensions=[{"Name": "Deployment", "Value": deployment}])
            return {metric["MetricName"] for metric in found["Metrics"]}

        await eventually(lambda: told() >= {"Viewers", "OriginSwitches", "CostPerHour"})
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runner.cleanup()
