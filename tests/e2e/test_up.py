"""`panocast up` as a process: starting, stopping, starting again, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.local.ports import accepts
from panocast.ladder import Size
from panocast.testcard import Card
from tests.e2e.platform import STOP_TIMEOUT_S, arguments, platform, publishing
from tests.media import frame_times, output_of
from tests.processes import alive, descendants
from tests.standstill import standstill
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


async def test_ctrl_c_stops_everything_within_ten_seconds(tmp_path: Path) -> None:
    async with platform(tmp_path, argv=[*arguments(tmp_path), "--test-source"]) as up:
        assert (await up.get("/healthz"))[0] == 200
        started = descendants(up.process.pid)
        assert len(started) >= 8
        async with standstill() as stood:
            before = time.monotonic()
            assert await up.stop(within_s=60) in (0, 130)
            took_s = time.monotonic() - before
        assert took_s - stood.seconds < STOP_TIMEOUT_S
        await eventually(lambda: not [pid for pid in started if alive(pid)], within_s=60)
        assert not (tmp_path / "run.json").exists()


async def test_nothing_outlives_a_supervisor_that_is_killed_and_the_next_start_works(tmp_path: Path) -> None:
    async with platform(tmp_path) as up:
        started = descendants(up.process.pid)
        up.process.send_signal(signal.SIGKILL)
        await up.process.wait()
        await eventually(lambda: not [pid for pid in started if alive(pid)], within_s=60)
    async with platform(tmp_path) as up:
        assert (await up.get("/healthz"))[0] == 200


async def test_on_an_address_of_its_own_the_test_picture_plays_and_is_neither_recorded_nor_laddered(
    tmp_path: Path,
) -> None:
    async with platform(tmp_path, argv=[*arguments(tmp_path), "--bind", "127.0.0.3", "--test-source"]) as up:
        addresses = {urlsplit(url).hostname for url in up.urls.values() if "://" in str(url)}
        assert addresses == {"127.0.0.3"}
        ports = [up.urls[name] for name in ("http_port", "rtmp_port", "backup_rtmp_port")]
        assert not [port for port in ports if accepts(port)], "it listens elsewhere, too"
        await eventually(lambda: up.live("test"))

        async def playlist() -> bool:
            status, body = await up.get("/testhls/test.m3u8")
            return status == 200 and b".ts" in body

        await eventually(playlist)
        assert (await up.get("/hls/test.m3u8"))[0] == 404
        assert not list((tmp_path / "ingest").rglob("*.mp4"))


async def refused(*argv: str) -> tuple[int, str]:
    """The exit code and stderr of a `panocast` command that is expected to fail."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "infra.cli", *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, err.decode()


async def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    argv = arguments(tmp_path)[3:]
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        argv[argv.index("--rtmp-port") + 1] = str(port)
        code, said = await refused(*argv)
    assert code == 2
    lines = [line for line in said.splitlines() if line.strip()]
    assert len(lines) == 1
    assert re.search(rf"port {port} .*in use by .*--rtmp-port", lines[0])


async def test_an_address_that_this_machine_has_not_is_one_clear_line(tmp_path: Path) -> None:
    code, said = await refused(*arguments(tmp_path)[3:], "--bind", "192.0.2.1")
    assert code == 2
    assert re.search(r"no address 192\.0\.2\.1.*--bind", said.splitlines()[-1])


async def test_a_missing_program_is_one_clear_line(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *arguments(tmp_path), stderr=asyncio.subprocess.PIPE, env={**os.environ, "PATH": str(tmp_path)}
    )
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert process.returncode == 2
    assert "make install" in err.decode().splitlines()[-1]
    assert "Traceback" not in err.decode()


async def test_a_second_up_on_the_same_state_is_refused(tmp_path: Path) -> None:
    async with platform(tmp_path):
        code, said = await refused(*arguments(tmp_path)[3:])
        assert code == 2
        assert "already runs" in said


async def test_a_stream_key_is_the_same_before_and_after_the_start(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "infra.cli", "stream-key", "cam", "--state", str(tmp_path))
    before, _ = await output_of(*command)
    assert re.fullmatch(r"cam\?key=[\w-]{32}\n", before)
    async with platform(tmp_path) as up:
        assert (await output_of(*command))[0] == before
        assert before.strip() in up.publish_url("cam")


async def test_the_line_of_json_is_one_line_and_names_every_url(tmp_path: Path) -> None:
    async with platform(tmp_path) as up:
        assert {"player", "live", "catalog", "health", "rtmp", "rtmp_backup"} <= set(up.urls)
        assert json.loads((await up.get("/live.json"))[1]) == {"live": [], "refused": []}


async def test_the_next_start_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    card = Card(size=Size(640, 320), fps=25, gop_s=1.0, bitrate_bps=500_000)
    settings = {"ORIGIN__PART_S": "4"}
    async with platform(tmp_path, settings=settings) as up, publishing(up.publish_url("cam"), card) as encoder:
        await eventually(lambda: list((tmp_path / "ingest/recordings/cam").glob("*/0002.mp4")))
        await up.stop(within_s=60)
        await encoder.wait()
    async with platform(tmp_path, settings=settings) as up:
        [asset] = await eventually(lambda: up.assets("cam"), within_s=180)
        assert len(await frame_times(f"{up.web}/vod/{asset['id']}/master.m3u8")) >= 8 * card.fps
