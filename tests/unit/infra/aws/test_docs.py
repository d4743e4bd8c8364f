from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.aws.parameters import Parameters
from infra.aws.plan import CPU_HOURS_PER_VIDEO_HOUR
from panocast.permissions import WORKER
from tests.unit.infra.aws.rendered import templates

TEXT = (Path(__file__).parents[4] / "docs" / "aws.md").read_text()


def test_every_parameter_is_documented_and_nothing_else_is() -> None:
    table = TEXT.split("## Parameters")[1].split("## ")[0]
    named = set(re.findall(r"`([a-z…-]+)`", "".join(row.split("|")[1] for row in re.findall(r"^\| .*", table, re.M))))
    if "edge-…" in named:
        named |= {f"{tier}-on-demand-percent" for tier in ("edge", "worker")}
    named -= {"edge-…", "worker-…"}
    assert named == {name.replace("_", "-") for name in Parameters.model_fields}


def test_every_action_that_a_template_allows_is_documented() -> None:
    allowed = {
        action
        for template in templates().values()
        for resource in template["Resources"].values()
        for statement in _statements(resource.get("Properties", {}))
        if statement["Effect"] == "Allow" and "sts:AssumeRole" not in str(statement)
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    worker = {permission.action for permission in WORKER}
    assert len(allowed) > 20
    assert {action for action in allowed - worker if f"`{action}`" not in TEXT} == set()


def _statements(value: Any) -> Iterator[dict[str, Any]]:
    match value:
        case {"Effect": _, "Action": _}:
            yield value
        case dict():
            for inner in value.values():
                yield from _statements(inner)
        case list():
            for inner in value:
                yield from _statements(inner)


def test_the_cpu_hours_that_plan_reckons_with_are_documented() -> None:
    assert f"<!-- cpu hours -->{CPU_HOURS_PER_VIDEO_HOUR:g}<!-- -->" in TEXT
