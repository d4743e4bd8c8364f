"""The command `transcoder`, as people type it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.integration.transcoder.checker import check_asset
from tests.integration.transcoder.site import Site
from tests.processes import alive
from tests.standstill import standstill
from tests.waiting import eventually
from transcoder.cli import app

pytestmark = pytest.mark.slow
FAST = {"PANOCAST_TRANSCODER__PRESET": "superfast", "PANOCAST_TRANSCODER__SEGMENT_S": "1"}


async def transcoder(*words: str | Path, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Run a command: exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "transcoder.cli", *map(str, words)),
        env={**os.environ, **FAST, "COLUMNS": "200", **(env or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_run_makes_an_asset_of_a_file(card: Path, tmp_path: Path) -> None:
    target = tmp_path / "made" / "out"
    code, out, err = await transcoder(
        "run", card, target, "--state", tmp_path / "state", env={"PANOCAST_TRANSCODER__PART_S": "3"}
    )
    assert code == 0, err
    assert "7.0 s, rungs 640" in out
    assert "100%" in err
    (tmp_path / "checked").mkdir()
    asset = check_asset(target, tmp_path / "checked")
    assert len(asset.video[640].times_s) == 210
    assert not list(target.glob(".*")), "no working files are left"
    assert not (tmp_path / "state").exists(), "it needs no state"


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [(b"", 1, "the file is empty"), (b"#EXTM3U\n", 1, "an HLS playlist, not a video"), (None, 2, "there is no file")],
)
async def test_run_refuses_in_one_line(content: bytes | None, code: int, words: str, tmp_path: Path) -> None:
    source = tmp_path / "x.mp4"
    if content is not None:
        source.write_bytes(content)
    found, out, err = await transcoder("run", source, tmp_path / "out")
    assert (found, out) == (code, "")
    assert words in err
    assert "Traceback" not in err
    assert not (tmp_path / "out" / "master.m3u8").exists()


async def test_run_never_overwrites(small: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    code, _, err = await transcoder("run", small, tmp_path)
    assert code == 2
    assert "not an empty folder" in err


async def test_run_can_be_interrupted_and_leaves_nothing(small: Path, tmp_path: Path) -> None:
    stub = tmp_path / "bin" / "ffmpeg"
    stub.parent.mkdir()
    stub.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nexec sleep 1000\n")
    stub.chmod(0o755)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "transcoder.cli", "run", str(small), str(tmp_path / "out")),
        env={**os.environ, "PATH": f"{stub.parent}:{os.environ['PATH']}"},
    )
    await eventually((tmp_path / "pids").exists, within_s=60)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 130
    assert list((tmp_path / "out").iterdir()) == []
    assert not alive(int((tmp_path / "pids").read_text()))


async def test_submit_and_a_worker_make_an_asset_each_time(site: Site, small: Path) -> None:
    """The whole way on one machine: the watcher finds the uploads, then the parts that came of them."""
    state = ("--state", site.root)
    for _ in range(2):
        code, key, err = await transcoder("submit", small, *state)
        assert (code, err) == (0, "")
        assert key.startswith("uploads/")
    code, _, err = await transcoder("worker", "--until-idle", "--concurrency", "2", *state)
    assert code == 0, err
    assert [entry["title"] for entry in site.catalog()] == ["small", "small"]
    code, out, _ = await transcoder("jobs", *state)
    assert out == "0 waiting; 0 running; 0 failed for good\n"


async def test_a_file_that_is_being_copied_in_is_taken_whole(site: Site, small: Path) -> None:
    """The watch folder: half a file for longer than one look is not taken."""
    data = await asyncio.to_thread(small.read_bytes)
    path = site.root / "ingest" / "uploads" / "drop.mp4"
    path.parent.mkdir(parents=True)
    pieces = [data[start : start + len(data) // 16 + 1] for start in range(0, len(data), len(data) // 16 + 1)]
    path.write_bytes(pieces[0])
    worker = asyncio.create_task(transcoder("worker", "--until-idle", "--state", site.root))
    async with standstill() as stood:
        with path.open("ab", buffering=0) as file:
            for piece in pieces[1:]:
                await asyncio.sleep(0.3)
                file.write(piece)
    code, _, err = await worker
    assert code == 0, err
    if stood.seconds < 1.0:  # a file that did not grow for two seconds would seem to be whole
        assert site.queue.dead() == []
        assert [entry["title"] for entry in site.catalog()] == ["drop"]


async def test_what_failed_is_listed_and_tried_again(site: Site, small: Path) -> None:
    state = ("--state", site.root)
    key = site.upload("bad.mp4", b"a letter")
    await site.work()
    _, out, _ = await transcoder("jobs", *state)
    assert out.startswith("0 waiting; 0 running; 1 failed for good")
    _, out, _ = await transcoder("dead", *state)
    assert "bad.mp4" in out
    assert "text, not a video" in out
    (dead,) = site.queue.dead()
    site.ingest.put_file(key, small)
    code, out, _ = await transcoder("dead", "retry", dead.id, *state)
    assert code == 0
    await site.work()
    assert [stat.key for stat in site.ingest.list("recordings/bad/")], "the upload was cut"
    assert site.keys("failed/") == []
    code, _, err = await transcoder("dead", "retry", "999", *state)
    assert code == 1
    assert "999" in err


@pytest.mark.parametrize("words", [(), ("worker",), ("run",), ("submit",), ("jobs",), ("dead",), ("dead", "retry")])
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, [*words, "--help"])
    assert told.exit_code == 0
    assert not words or "Example: transcoder" in told.stdout


async def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    code, _, err = await transcoder("jobs", "--state", tmp_path, env={"PANOCAST_TRANSCODER__CRF": "99"})
    assert code == 2
    assert "transcoder.crf = '99'" in err
