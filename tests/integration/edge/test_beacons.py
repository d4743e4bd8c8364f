"""Viewers' reports on their way through nginx to the agent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.config import edge_paths
from tests.integration.edge.running import running_edge

pytestmark = pytest.mark.slow
REPORT = {"kind": "live", "stream": "cam", "played_s": 58, "startup_s": 0.7, "views": [[18, 9, 58]]}


async def test_a_report_becomes_figures_and_a_line_and_nothing_else_may_be_posted(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge:

        async def post(path: str, body: str) -> int:
            async with edge.session.post(f"{edge.url}{path}", data=body) as answer:
                return answer.status

        assert await post("/beacon", json.dumps(REPORT)) == 204
        assert await post("/beacon", json.dumps({**REPORT, "played_s": "x"})) == 400
        assert await post("/beacon", " " * 2049) == 413
        assert await post("/live.json", "{}") == 405
        async with edge.session.get(f"{edge.agent_url}/metrics") as answer:
            assert 'panocast_viewer_played_seconds_total{kind="live"} 58.0' in await answer.text()
        (line,) = edge_paths(edge.settings).beacons.read_text().splitlines()
        assert {**json.loads(line), "at": ""} == {"at": "", "kind": "live", "stream": "cam"} | {
            "played_s": 58.0, "startup_s": 0.7,
        }, "directions are kept only where a setting says so"  # fmt: skip


async def test_where_reports_are_not_wanted_players_know_and_none_is_taken(tmp_path: Path) -> None:
    async with running_edge(tmp_path, edge={"beacons": "false"}) as edge:
        assert json.loads((await edge.get("/player.json"))[1])["beacons"] is False
        async with edge.session.post(f"{edge.url}/beacon", data=json.dumps(REPORT)) as answer:
            assert answer.status == 405
