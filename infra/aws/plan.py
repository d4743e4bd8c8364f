"""What `panocast aws plan` shows: what would be made, with which parameters, and what it costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.table import Table

from infra.aws.cost import Estimate, Event, Line, Prices
from infra.aws.parameters import Parameters, as_text
from infra.aws.rendering import render_templates
from infra.aws.template import parse

# CPU hours that an hour of 4K takes (3840x1920, 30 frames a second, every rung), and where the figure comes from:
# docs/aws.md says the same.
CPU_HOURS_PER_VIDEO_HOUR = 10.0
CPU_HOURS_SOURCE = "measured on seconds of 3840x1920, with a tenth for cutting, sound and joining: docs/figures.md"


def resources(csp: str, stack: Parameters) -> Counter[str]:
    """How many resources of each kind a stack has, nested stacks' too, by the kind's name without AWS::."""
    texts = render_templates(csp=csp, template_url=lambda name: name)
    parsed = {name: parse(text) for name, text in texts.items()}
    found: Counter[str] = Counter()
    for resource in parsed["main"]["Resources"].values():
        if not _made(resource.get("Condition"), stack):
            continue
        if resource["Type"] != "AWS::CloudFormation::Stack":
            found[resource["Type"].removeprefix("AWS::")] += 1
            continue
        inner = parsed[resource["Properties"]["TemplateURL"]]["Resources"].values()
        found.update(each["Type"].removeprefix("AWS::") for each in inner if _made(each.get("Condition"), stack))
    return found


def _made(condition: str | None, stack: Parameters) -> bool:
    fleet = stack.transcode_engine == "fleet"
    return {
        None: True,
        "ByFleet": fleet,
        "ByBatch": not fleet,
        "WithTestSource": stack.test_source and stack.awake,
        "IsAwake": stack.awake,
        "Mailed": bool(stack.notify_email),
    }[condition]


def parameter_table(stack: Parameters) -> Table:
    """Every parameter, as it is said with --set."""
    table = Table("parameter", "value", title="Parameters", title_justify="left", box=None)
    for name, value in stack.model_dump().items():
        table.add_row(name.replace("_", "-"), as_text(value) or "-")
    return table


def resource_table(found: Counter[str]) -> Table:
    """How many of what."""
    table = Table("", "resource", title=f"Resources ({found.total()})", title_justify="left", box=None)
    for kind, count in sorted(found.items()):
        table.add_row(str(count), kind)
    return table


def cost_lines(estimate: Estimate, prices: Prices, event: Event) -> Iterator[str]:
    """The estimate in words, each sum with what it consists of."""
    yield f"Estimated cost ({prices.currency}; prices of {prices.region}, {prices.date:%d %B %Y}; without taxes)"
    yield from _sum("an hour asleep", estimate.asleep)
    yield from _sum("an hour awake, idle", estimate.awake)
    yield from _sum(f"more for an hour with {event.viewers} viewers", estimate.viewers)
    yield f"  {'= an event hour':42} {estimate.event_hour:8.3f}"
    yield from _sum("an hour of 4K video transcoded", estimate.transcoding)
    yield f"      {CPU_HOURS_PER_VIDEO_HOUR:g} CPU hours, {CPU_HOURS_SOURCE}"
    yield f"  Prices: {prices.source}"


def _sum(title: str, lines: tuple[Line, ...]) -> Iterator[str]:
    yield f"  {title:42} {sum(line.per_hour for line in lines):8.3f}"
    for line in lines:
        yield f"      {line.what:38} {line.per_hour:8.3f}"
