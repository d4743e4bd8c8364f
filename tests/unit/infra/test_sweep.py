import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from infra.local.sweep import sweep_leftovers

pytestmark = pytest.mark.slow


def sleeper(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], env={**os.environ, **environment}, process_group=0)


async def test_children_of_a_killed_run_are_ended_and_strangers_are_not(tmp_path: Path) -> None:
    ours, stranger = sleeper({"PANOCAST_STATE": str(tmp_path)}), sleeper({})
    try:
        run_file = tmp_path / "run.json"
        run_file.write_text(json.dumps({"children": {"worker": ours.pid, "edge nginx": stranger.pid}}))
        sweeping = asyncio.create_task(sweep_leftovers(run_file, patience_s=10))
        assert await asyncio.to_thread(ours.wait, 20) != 0
        await sweeping
        assert stranger.poll() is None
        assert not run_file.exists()
    finally:
        for child in (ours, stranger):
            child.kill()
            child.wait()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"children": 3}', '{"children": {"a": "b"}}'])
async def test_a_run_file_that_makes_no_sense_is_no_obstacle(tmp_path: Path, text: str) -> None:
    run_file = tmp_path / "run.json"
    run_file.write_text(text)
    await sweep_leftovers(run_file)
    assert not run_file.exists()
