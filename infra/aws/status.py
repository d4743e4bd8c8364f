"""What `panocast aws status` tells: the stack, its fleets, its queue, what is live, what failed, what it has cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.account import Account
from infra.aws.explain import mend_of
from infra.aws.naps import check_deployed
from infra.aws.stack import Stack
from panocast.aws import error_code

_GROUPS = {
    "PrimaryOrigin/Group": "primary origin",
    "BackupOrigin/Group": "backup origin",
    "Edge/Group": "edges",
    "Fleet/Group": "workers",
}


async def status_lines(account: Account, stack: Stack, today: date) -> list[str]:
    """A line for each; what cannot be asked says why instead. Raises UsageError when there is no such deployment."""
    lines = [f"{stack.name}: {check_deployed(stack)}, {_nap(stack)}"]
    outputs, found = stack.outputs(), stack.resources()
    lines += fleet_lines(account.client("autoscaling"), found)
    lines += _queues(account.client("sqs"), outputs)
    lines.append(await _live(outputs.get("Player", "")))
    lines.append(_spend(account.client("ce"), stack.name, today))
    return [*lines, *address_lines(outputs)]


def address_lines(outputs: dict[str, str]) -> list[str]:
    """Where viewers and encoders go, as far as the stack says it."""
    words = {"Player": "player", "IngestPrimary": "publish to", "IngestBackup": "and to"}
    return [f"{said:13} {outputs[name]}" for name, said in words.items() if name in outputs]


def _nap(stack: Stack) -> str:
    return "awake" if stack.parameters().get("Awake") != "no" else "asleep (`panocast aws wake`)"


def fleet_lines(autoscaling: Any, found: dict[str, str]) -> Iterator[str]:
    """How many machines of each tier are in service and, where some lack, why; `found` as Stack.resources gives it."""
    names = {found[logical]: said for logical, said in _GROUPS.items() if found.get(logical)}
    groups = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=list(names))["AutoScalingGroups"]
    for group in sorted(groups, key=lambda group: list(names).index(group["AutoScalingGroupName"])):
        machines = group["Instances"]
        well = sum(m["LifecycleState"] == "InService" and m["HealthStatus"] == "Healthy" for m in machines)
        line = f"{names[group['AutoScalingGroupName']]}: {well} of {group['DesiredCapacity']} machines in service"
        if well < group["DesiredCapacity"]:
            line += _why_not(autoscaling, group["AutoScalingGroupName"])
        yield line


def _why_not(autoscaling: Any, group: str) -> str:
    """What the group says of its last try, such as that Spot has no capacity."""
    activities = autoscaling.describe_scaling_activities(AutoScalingGroupName=group, MaxRecords=1)["Activities"]
    said = [a.get("StatusMessage", "") for a in activities if a.get("StatusCode") == "Failed"]
    if not said:
        return ""
    mend = mend_of(said[0])
    return f" ({said[0]}{f': {mend}' if mend else ''})"


def _queues(sqs: Any, outputs: dict[str, str]) -> Iterator[str]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    if url := outputs.get("QueueUrl"):
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        yield f"jobs: {counts[names[0]]} waiting, {counts[names[1]]} running"
    if url := outputs.get("DeadLettersUrl"):
        why = f" (`PANOCAST_QUEUE={outputs['QueueUrl']} transcoder dead` says why)"
        dead = int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]])
        yield f"failed for good: {dead}" + (why if dead else "")


async def _live(player: str) -> str:
    try:
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{player}live.json") as response:
            told = await response.json(content_type=None) if response.status == 200 else {"live": []}
        names = [str(stream["name"]) for stream in told["live"]]
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
        return f"live: not known ({str(error) or type(error).__name__})"
    return f"live: {', '.join(names) or 'nothing'}"


def _spend(explorer: Any, deployment: str, today: date) -> str:
    """What this month has cost, by the tag `panocast`; Cost Explorer is a day behind."""
    period = {"Start": f"{today.replace(day=1)}", "End": f"{today + timedelta(days=1)}"}
    try:
        told = explorer.get_cost_and_usage(
            TimePeriod=period,
            Granularity="MONTHLY",
            Metrics=["UnblendedCost"],
            Filter={"Tags": {"Key": "panocast", "Values": [deployment]}},
        )
        costs = [month["Total"]["UnblendedCost"] for month in told["ResultsByTime"]]
    except ClientError as error:
        if error_code(error) in ("DataUnavailableException", "AccessDeniedException"):
            return (
                "spent this month: not known: switch on Cost Explorer and the cost allocation tag `panocast` "
                "(Billing, once for each account; a day later it is known)"
            )
        return f"spent this month: not known ({error_code(error)})"
    except (BotoCoreError, KeyError) as error:
        return f"spent this month: not known ({error})"
    total = sum(float(cost["Amount"]) for cost in costs)
    unit = costs[0]["Unit"] if costs else "USD"
    return f"spent this month: {total:.2f} {unit} (of what carries the tag `panocast`, until yesterday)"
