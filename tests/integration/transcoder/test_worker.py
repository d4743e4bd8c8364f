"""The worker's promises: one result whatever is delivered, nothing lost, nothing done by two, given back at once."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from panocast.errors import TemporaryError
from panocast.settings import TranscoderSettings
from panocast.store import Store
from tests.integration.transcoder.site import Site, session_at
from tests.processes import alive
from tests.waiting import eventually
from transcoder.jobs import event_body
from transcoder.missing import missing_keys
from transcoder.worker import Worker

pytestmark = pytest.mark.slow
SESSION = session_at()


# ------------------------------------------------------------------------------------------- duplicates and order


async def test_every_message_twice_and_in_the_wrong_order_gives_one_asset(
    any_site: Site, small_parts: list[Path]
) -> None:
    keys = any_site.record(SESSION, small_parts, announce=False)
    any_site.announce(*reversed(keys), *keys, *reversed(keys))
    await any_site.work(concurrency=3)
    assert len(any_site.check(SESSION).video[320].times_s) == 60  # the checker minds leftovers
    assert len(any_site.catalog()) == 1
    assert any_site.queue.dead() == []


async def test_messages_that_come_after_the_asset_change_nothing(site: Site, small_parts: list[Path]) -> None:
    keys = site.record(SESSION, small_parts)
    await site.work()
    before = {stat.key: stat.etag for stat in site.egress.list("")}
    site.announce(*keys)
    await site.work()
    assert {stat.key: stat.etag for stat in site.egress.list("")} == before


async def test_one_message_of_several_records_is_split(any_site: Site, small_parts: list[Path]) -> None:
    keys = any_site.record(SESSION, small_parts, announce=False)
    records = [record for key in keys for record in json.loads(event_body(key))["Records"]]
    any_site.queue.send(json.dumps({"Records": records}))
    await any_site.work()
    any_site.check(SESSION)


def record(key: str, name: str) -> dict[str, Any]:
    """One record of an S3 event about an object."""
    found: dict[str, Any] = json.loads(event_body(key))["Records"][0]
    return found | {"eventName": name, "eventVersion": "2.1", "awsRegion": "eu-central-1"}


async def test_what_aws_sends_is_understood_and_what_makes_no_sense_ignored(any_site: Site, small: Path) -> None:
    """Guarantee 16: events as S3 sends them, and much else."""
    (key,) = any_site.record(SESSION, [small], closed=False, announce=False)
    any_site.ingest.put_file("uploads/7f/Grüße & mehr+100%.mp4", small)
    events = [
        record(key, "ObjectRemoved:Delete"),
        record(key, "ObjectCreated:CompleteMultipartUpload"),
        record("uploads/7f/Grüße & mehr+100%.mp4", "ObjectCreated:Copy"),
        record("elsewhere/a.mp4", "ObjectCreated:Put"),
        record("uploads/../../etc/passwd", "ObjectCreated:Put"),
    ]
    for text in (
        "{",
        "[]",
        "null",
        '"x"',
        '{"Records": 7}',
        '{"Records": [{}]}',
        '{"job": {"key": 1}}',
        "ü",
        "[" * 2000,
    ):
        any_site.queue.send(text)
    any_site.queue.send('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}')
    any_site.queue.send(json.dumps({"Records": events}))
    await any_site.work()
    depth = any_site.queue.depth()
    assert (depth.waiting, depth.held, depth.dead) == (0, 0, 0)
    assert f"{SESSION.work_prefix}0001.json" in any_site.keys("work/")
    assert [stat.key for stat in any_site.ingest.list("recordings/gru")], "the upload was cut"
    assert any_site.keys("failed/") == []


async def test_the_same_upload_announced_twice_is_one_asset_and_another_file_is_another(
    site: Site, small: Path
) -> None:
    key = site.upload("a.mp4", small)
    site.announce(key)
    await site.work()
    site.announce_parts()
    site.announce(key)
    await site.work()
    assert len(site.masters()) == 1
    site.upload("again/a.mp4", small)
    await site.work()
    site.announce_parts()
    await site.work()
    assert len(site.masters()) == 2


async def test_two_workers_share_one_recording(site: Site, card_parts: list[Path]) -> None:
    site.record(SESSION, card_parts)
    await asyncio.gather(site.work(), site.work())
    site.check(SESSION)
    assert len(site.catalog()) == 1


async def test_many_assets_finished_at_once_are_all_in_the_catalog(site: Site, small_parts: list[Path]) -> None:
    sessions = [session_at(i, name=f"cam{i}") for i in range(6)]
    for session in sessions:
        site.record(session, small_parts[:1])
    await site.work(concurrency=6)
    assert {entry["id"] for entry in site.catalog()} == {session.path for session in sessions}
    published = [entry["published"] for entry in site.catalog()]
    assert published == sorted(published, reverse=True)


# -------------------------------------------------------------------------------------------------------- failures


def stub(folder: Path, script: str) -> str:
    """A PATH on which ffmpeg is a script; $real is the real one.

    It takes notes where the fence would not let it write.
    """
    folder.mkdir()
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\nreal={shutil.which('ffmpeg')}\n{script}\n")
    path.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


async def test_a_job_that_fails_is_retried_and_its_failure_forgotten(
    site: Site, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = f"if [ ! -e {site.root}/failed-once ]; then touch {site.root}/failed-once; echo 'no luck' >&2; exit 9; fi"
    monkeypatch.setenv("PATH", stub(site.root / "stub", f'{once}\nexec $real "$@"'))
    site.record(SESSION, [small])
    await site.work(fence="off")
    site.check(SESSION)
    assert site.queue.dead() == []
    assert site.keys("failed/") == []


async def test_a_job_that_keeps_failing_is_set_aside_with_its_reason_and_can_be_retried(
    any_site: Site, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.environ["PATH"]
    monkeypatch.setenv(
        "PATH", stub(any_site.root / "stub", "echo x >> $0.log; echo 'Generic error in a library' >&2; exit 1")
    )
    key = any_site.upload("a.mp4", small)
    await any_site.work(tries=3, fence="off")
    assert (any_site.root / "stub" / "ffmpeg.log").read_text() == "x\n" * 3
    (dead,) = any_site.queue.dead()
    assert "Generic error in a library" in dead.reason
    assert any_site.failed(key)["tries"] == 3
    monkeypatch.setenv("PATH", path)
    any_site.queue.retry_dead(dead.id)
    await any_site.work()
    any_site.announce_parts()
    await any_site.work()
    assert len(any_site.masters()) == 1
    assert any_site.keys("failed/") == []


async def test_retries_wait_longer_each_time(site: Site, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", stub(site.root / "stub", "date +%s.%N >> $0.log; exit 1"))
    site.upload("a.mp4", small)
    await site.work(tries=3, retry_s=0.5, fence="off")
    first, second, third = map(float, (site.root / "stub" / "ffmpeg.log").read_text().split())
    assert second - first >= 0.5
    assert third - second >= 1.0


async def test_an_ffmpeg_that_hangs_is_ended_and_the_job_retried(
    site: Site, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", stub(site.root / "stub", "echo $$ >> $0.log; exec sleep 1000"))
    key = site.upload("a.mp4", small)
    place = replace(site.place(tries=2, fence="off"), stall_s=1.0)
    async with asyncio.timeout(60):
        await Worker(place, stop=asyncio.Event(), until_idle=True, wait_s=0.1).run()
    assert "did not get on" in site.failed(key)["reason"]
    assert site.failed(key)["tries"] == 2
    pids = [int(pid) for pid in (site.root / "stub" / "ffmpeg.log").read_text().split()]
    assert pids, "of those that were quick enough to say theirs"
    assert not any(map(alive, pids))


async def test_its_ffmpegs_give_way_to_everything_else(
    site: Site, small_parts: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'echo "$(nice) $(ionice -p $$)" >> $0.log; exec $real "$@"'
    monkeypatch.setenv("PATH", stub(site.root / "stub", script))
    site.record(SESSION, small_parts)
    await site.work(yielding=TranscoderSettings().yielding, fence="off")
    said = (site.root / "stub" / "ffmpeg.log").read_text().splitlines()
    assert len(said) >= len(small_parts)
    assert set(said) == {"19 idle"}


class Flaky:
    """A store whose every `nth` write fails, as a full disk or a 500 would make it."""

    def __init__(self, store: Store, nth: int) -> None:
        self._store = store
        self._nth = nth
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in ("put_file", "put_bytes", "copy"):
            return method

        def call(*args: Any, **options: Any) -> Any:
            self._count += 1
            if self._count % self._nth == 0:
                raise TemporaryError("the store answers 500")
            return method(*args, **options)

        return call


async def test_a_store_that_fails_now_and_then_loses_nothing(site: Site, small_parts: list[Path]) -> None:
    good = site.egress
    site.egress = Flaky(good, 11)
    site.record(SESSION, small_parts)
    await site.work(tries=20)
    site.egress = good
    assert len(site.check(SESSION).video[320].times_s) == 60
    assert site.queue.dead() == []


async def test_a_failed_part_that_is_retried_before_the_end_is_published_with_the_rest(
    site: Site, small_parts: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.environ["PATH"]
    keys = site.record(SESSION, small_parts, closed=False)
    monkeypatch.setenv("PATH", stub(site.root / "stub", "exit 1"))
    await site.work(tries=1)
    assert len(site.keys("failed/")) == len(keys) == 2
    monkeypatch.setenv("PATH", path)
    for dead in site.queue.dead():
        site.queue.retry_dead(dead.id)
    await site.work()
    site.record(SESSION, small_parts)
    await site.work()
    assert len(site.check(SESSION).video[320].times_s) == 60
    assert site.keys("failed/") == []


async def test_a_part_that_is_retried_after_the_end_is_refused_and_says_how_to_have_it(
    site: Site, small_parts: list[Path]
) -> None:
    """What is published stays as it is; nobody is told that a hole is mended."""
    keys = site.record(SESSION, small_parts, duration_s=2.0)
    site.ingest.put_bytes(keys[1], b"no video")
    await site.work()
    assert len(site.check(SESSION).video[320].times_s) == 30
    site.ingest.put_file(keys[1], small_parts[1])
    site.queue.retry_dead(site.queue.dead()[0].id)
    await site.work()
    (dead,) = site.queue.dead()
    assert "the recording is published without it (" in dead.reason
    assert site.failed(keys[1])["reason"] == dead.reason
    assert f"remove {SESSION.done_key} and {SESSION.vod_prefix} from the egress store" in dead.reason
    shutil.rmtree(site.root / "asset")
    shutil.rmtree(site.root / "checked")
    site.egress.delete(SESSION.done_key)
    site.egress.delete_prefix(SESSION.vod_prefix)
    site.queue.retry_dead(dead.id)
    site.announce(*missing_keys(site.ingest, site.egress))
    await site.work()
    assert len(site.check(SESSION).video[320].times_s) == 60
    assert site.keys("failed/") == []


async def test_a_part_that_comes_late_is_waited_for(site: Site, small_parts: list[Path]) -> None:
    """The end marker was there first; the session is looked at again and again until everything is."""
    keys = site.record(SESSION, small_parts, announce=False)
    site.ingest.delete(keys[1])
    site.announce(keys[0], keys[2])
    working = asyncio.create_task(site.work(patience_s=600))
    await eventually(lambda: site.queue.depth().waiting == 1 and site.keys("work/"), within_s=60)
    site.ingest.put_file(keys[1], small_parts[1])
    site.announce(keys[1])
    await working
    assert len(site.check(SESSION).video[320].times_s) == 60


async def test_a_part_that_never_comes_is_left_out_after_a_while(site: Site, small_parts: list[Path]) -> None:
    keys = site.record(SESSION, small_parts, announce=False)
    site.ingest.delete(keys[1])
    site.announce(keys[0], keys[2])
    await site.work(patience_s=0)
    assert len(site.check(SESSION).video[320].times_s) == 30
    asset = json.loads(site.egress.get_bytes(SESSION.asset_key)[0])
    assert [part["part"] for part in asset["missing"]] == [2]
