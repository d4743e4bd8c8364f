from __future__ import annotations

import re
from pathlib import Path

from infra.aws.parameters import Parameters

TEXT = (Path(__file__).parents[4] / "docs" / "aws.md").read_text()


def test_every_parameter_is_documented_and_nothing_else_is() -> None:
    table = TEXT.split("## Parameters")[1].split("## ")[0]
    named = set(re.findall(r"`([a-z…-]+)`", "".join(row.split("|")[1] for row in re.findall(r"^\| .*", table, re.M))))
    if "edge-…" in named:
        named |= {f"{tier}-on-demand-percent" for tier in ("edge", "worker")}
    named -= {"edge-…", "worker-…"}
    assert named == {name.replace("_", "-") for name in Parameters.model_fields}
