"""`panocast aws report`: a machine's log lines and figures to CloudWatch, without an agent of AWS's.

Nothing here may ever disturb what the machine is there for: what AWS does not take is tried again, then left out.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.telemetry import NAMESPACE, Sample, as_metric_data, figures, parse, startups
from panocast.logs import redact
from panocast.process import Command
from panocast.service import Service
from panocast.settings import Settings

log = logging.getLogger(__name__)

LOGS_EVERY_S = 5.0
FIGURES_EVERY_S = 60.0
KEPT_LINES = 10_000
# Limits of one PutLogEvents: a MiB, each line counted with 26 bytes more, and 10,000 lines.
BATCH_BYTES, BATCH_LINES, LINE_EXTRA, LINE_BYTES = 1_000_000, 10_000, 26, 100_000
_UNITS = ("panocast-*", "cloud-final")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the journal: when (ms), which unit said what, and where the journal goes on after it."""

    at_ms: int
    text: str
    cursor: str


def parse_line(entry: str) -> Line | None:
    """A line of `journalctl --output=json`; None for what is none."""
    try:
        said = json.loads(entry)
        unit = str(said.get("_SYSTEMD_UNIT", "")).removesuffix(".service")
        message = said["MESSAGE"]
        at_ms = int(said["__REALTIME_TIMESTAMP"]) // 1000
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(message, str):  # bytes that are no UTF-8 come as a list of numbers
        message = bytes(message).decode("utf-8", "replace") if isinstance(message, list) else ""
    return Line(at_ms, redact(f"{unit}: {message}")[:LINE_BYTES], str(said.get("__CURSOR", "")))


def take_batch(lines: deque[Line]) -> list[Line]:
    """Take as many lines from the left as one call may carry."""
    batch: list[Line] = []
    size = 0
    while lines and len(batch) < BATCH_LINES:
        size += len(lines[0].text.encode()) + LINE_EXTRA
        if batch and size > BATCH_BYTES:
            break
        batch.append(lines.popleft())
    return batch


@dataclass(slots=True)
class LogShipper:
    """Keeps the newest lines and hands them to one log stream; `client` is boto3's for CloudWatch Logs."""

    client: Any
    group: str
    stream: str
    cursor_file: Path
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))

    def take(self, entry: str) -> None:
        """A line of the journal came."""
        if line := parse_line(entry):
            self.lines.append(line)

    def ship(self) -> None:
        """Send what there is; raises boto3's errors, and then the lines are still there."""
        while batch := take_batch(self.lines):
            events = [{"timestamp": line.at_ms, "message": line.text or " "} for line in batch]
            try:
                self._put(sorted(events, key=lambda event: event["timestamp"]))
            except Exception:
                self.lines.extendleft(reversed(batch[-(KEPT_LINES - len(self.lines)) :]))
                raise
            self.cursor_file.write_text(batch[-1].cursor)

    def _put(self, events: list[dict[str, Any]]) -> None:
        where = {"logGroupName": self.group, "logStreamName": self.stream}
        try:
            self.client.put_log_events(**where, logEvents=events)
        except self.client.exceptions.ResourceNotFoundException:
            self.client.create_log_stream(**where)
            self.client.put_log_events(**where, logEvents=events)


def journal(cursor_file: Path) -> Command:
    """What prints the journal of our units, from where we were."""
    cursor = cursor_file.read_text().strip() if cursor_file.exists() else ""
    start = [f"--after-cursor={cursor}"] if cursor else ["--boot"]
    units = [f"--unit={unit}" for unit in _UNITS]
    return Command("journal", ["journalctl", "--follow", "--output=json", "--no-tail", *start, *units])


def endpoints(role: str, settings: Settings) -> str:
    """Where the service of a role tells its figures."""
    port = {
        "origin": settings.origin.agent_port,
        "edge": settings.edge.agent_port,
        "worker": settings.transcoder.metrics_port,
    }[role]
    return f"http://127.0.0.1:{port}/metrics"


async def report(settings: Settings, environment: Mapping[str, str], client: Any, stream: str) -> None:
    """Run until cancelled. `environment` is stack.env's, `client` makes a boto3 client of a service's name."""
    cursor = settings.state / "report-cursor"
    shipper = LogShipper(client("logs"), environment["LOG_GROUP"], stream, cursor)
    reading = Service(journal(cursor), on_stdout=shipper.take)
    async with asyncio.TaskGroup() as group:
        group.create_task(reading.run())
        group.create_task(_ship(shipper))
        group.create_task(_tell(settings, environment, client("cloudwatch")))


async def _ship(shipper: LogShipper) -> None:
    while True:
        await asyncio.sleep(LOGS_EVERY_S)
        try:
            await asyncio.to_thread(shipper.ship)
        except (ClientError, BotoCoreError) as error:
            log.warning("log lines wait: %s", error)


async def _tell(settings: Settings, environment: Mapping[str, str], cloudwatch: Any) -> None:
    role, deployment = environment["ROLE"], environment["DEPLOYMENT"]
    cost = float(environment.get("VCPU_HOUR_PRICE") or 0) * (os.cpu_count() or 1)
    url, before = endpoints(role, settings), list[Sample]()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while True:
            begun = time.monotonic()
            values, startup_s = {"CostPerHour": cost}, dict[float, float]()
            try:
                now = await _look(session, url)
                values |= figures(role, before or now, now)
                startup_s = startups(before or now, now)
                before = now
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                log.warning("no figures of the %s: %s", role, error)
            data = as_metric_data(values, deployment, startup_s=startup_s)
            try:
                await asyncio.to_thread(cloudwatch.put_metric_data, Namespace=NAMESPACE, MetricData=data)
            except (ClientError, BotoCoreError) as error:
                log.warning("figures are left out: %s", error)
            await asyncio.sleep(max(1.0, FIGURES_EVERY_S - (time.monotonic() - begun)))


async def _look(session: aiohttp.ClientSession, url: str) -> list[Sample]:
    async with session.get(url) as response:
        response.raise_for_status()
        return parse(await response.text())
