"""What a machine asks of AWS is what its role allows."""

from __future__ import annotations

from typing import Any

import pytest

from edge.drain import drain
from panocast.settings import EdgeSettings
from tests.imds import metadata_server
from tests.integration.edge.test_drain import balancer
from tests.unit.infra.aws.rendered import templates

pytestmark = pytest.mark.slow


def allowed(template: str) -> set[str]:
    """The actions that a template's machines are allowed."""
    role: Any = templates()[template]["Resources"]["MachineRole"]["Properties"]
    said = [statement["Action"] for statement in role["Policies"][0]["PolicyDocument"]["Statement"]]
    return {action for each in said for action in ([each] if isinstance(each, str) else each)}


async def test_an_edge_may_leave_its_balancer_and_see_that_it_lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with metadata_server() as metadata, balancer() as (url, asked, let_go):
        let_go.set()
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}
        for name, value in {**metadata.environment, **keys, "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)
        await drain(EdgeSettings(target_group_arn="arn:of:edges", leave_s=0, agent_port=1))
    assert len(asked) == 2
    assert {f"elasticloadbalancing:{action}" for action in asked} <= allowed("edge")
