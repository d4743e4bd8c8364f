"""The worker as a service: figures for Prometheus and in its log, commands for people, on this machine and in AWS."""

from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from panocast.store import open_store
from tests.integration.transcoder.checker import check_asset
from tests.integration.transcoder.processes import Gate, lines_of, transcoder, worker_process
from tests.integration.transcoder.site import Site, session_at
from tests.ports import free_port
from tests.waiting import eventually

pytestmark = pytest.mark.slow
SESSION = session_at()


async def test_a_worker_tells_what_it_does_and_what_it_costs(site: Site, small_parts: list[Path], gate: Gate) -> None:
    site.record(SESSION, small_parts, announce=False)
    port = free_port()
    settings: dict[str, Any] = {"metrics_port": port, "price_per_vcpu_hour": 0.05, "visibility_s": 60}

    def figures() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            return str(answer.read().decode())

    async with worker_process(site, gate, stderr=asyncio.subprocess.PIPE, **settings) as process:
        await eventually(gate.pids, within_s=60)
        assert "panocast_transcoder_jobs_running 1.0" in await asyncio.to_thread(figures)
        gate.open()
        await eventually(lambda: site.masters() and not site.keys("work/"), within_s=60)
        done = 'panocast_transcoder_jobs_total{ending="done",kind="part"} 2.0'
        text = await eventually(lambda: found if done in (found := figures()) else "", within_s=30)
        assert "panocast_transcoder_video_seconds_total 2.0" in text
        process.terminate()
        _, err = await process.communicate()
        assert process.returncode == 0
    lines = [line for line in lines_of(err.decode()) if line.get("ending") == "done" and line["kind"] == "part"]
    assert [line["job"] for line in lines] == [SESSION.part_key(1), SESSION.part_key(2)]
    assert {line["stream"] for line in lines} == {SESSION.name}
    for line in lines:
        assert line["cpu_s"] > 0
        assert line["peak_bytes"] > 10_000_000
        assert line["read_bytes"] > small_parts[0].stat().st_size / 2
        assert line["written_bytes"] > 10_000
        assert line["cost"] == pytest.approx(line["cpu_s"] / 3600 * 0.05, rel=0.01)


async def test_what_failed_in_sqs_is_listed_and_tried_again(cloud: Site, small: Path) -> None:
    key = cloud.upload("x.mp4", b"a letter, not a video\n" * 100)
    await cloud.work()
    _, out, _ = await transcoder(cloud, "dead")
    assert key in out
    assert "text, not a video" in out
    cloud.ingest.put_file(key, small)
    code, _, err = await transcoder(cloud, "dead", "retry", cloud.queue.dead()[0].id)
    assert code == 0, err
    await cloud.work()
    assert cloud.queue.dead() == []
    assert cloud.keys("failed/") == []


async def test_run_takes_an_object_and_fills_a_prefix(cloud: Site, small: Path, tmp_path: Path) -> None:
    cloud.ingest.put_file("in/a film.mp4", small)
    source, target = f"{cloud.ingest.url}/in/a film.mp4", f"{cloud.egress.url}/batch/7"
    code, out, err = await transcoder(cloud, "run", source, target)
    assert code == 0, err
    assert out.startswith(f"{target}/master.m3u8: 2.0 s")
    made = tmp_path / "made"
    for stat in open_store(target).list(""):
        path = made / stat.key
        path.parent.mkdir(parents=True, exist_ok=True)
        open_store(target).get_file(stat.key, path)
    (tmp_path / "checked").mkdir()
    assert len(check_asset(made, tmp_path / "checked").video[320].times_s) == 60
    code, _, err = await transcoder(cloud, "run", str(small), target)
    assert code == 2
    assert "already" in err


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("s3://{bucket}/nothing.mp4", 2, "there is no object"),
        ("s3://no-such-bucket/a.mp4", 2, "there is no bucket no-such-bucket"),
        ("s3://{bucket}/text.mp4", 1, "text, not a video"),
        ("s3://{bucket}", 2, "names no object"),
    ],
)
async def test_run_says_in_its_exit_code_whether_to_try_again(
    cloud: Site, source: str, code: int, words: str, tmp_path: Path
) -> None:
    cloud.ingest.put_bytes("text.mp4", b"a letter\n" * 100)
    bucket = cloud.ingest.url.removeprefix("s3://")
    found, _, err = await transcoder(cloud, "run", source.format(bucket=bucket), tmp_path / "out")
    assert found == code
    assert words in err


async def test_run_with_a_service_that_is_away_is_worth_another_try(cloud: Site, tmp_path: Path) -> None:
    away = "http://127.0.0.1:9"
    code, _, err = await transcoder(cloud, "run", "s3://bucket/a.mp4", tmp_path / "out", AWS_ENDPOINT_URL=away)
    assert code == 75, err
