"""The same jobs on S3 and SQS (moto's server): events come by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from panocast.layout import Session
from tests.aws import AwsServer
from tests.integration.transcoder.site import Site, cloud_site, session_at

pytestmark = pytest.mark.slow
SESSION = session_at()


@pytest.fixture
def cloud(aws: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Buckets and a queue; the ingest bucket tells the queue of new objects."""
    for key, value in aws.environment.items():
        monkeypatch.setenv(key, value)
    return cloud_site(tmp_path, aws, tells=True)


async def test_a_recording_becomes_an_asset(cloud: Site, small_parts: list[Path]) -> None:
    cloud.record(SESSION, small_parts, announce=False)
    await cloud.work(concurrency=2)
    assert len(cloud.check(SESSION).video[320].times_s) == 60
    assert len(cloud.catalog()) == 1


async def test_an_upload_with_a_difficult_name_becomes_an_asset(cloud: Site, small: Path) -> None:
    cloud.ingest.put_file("uploads/7f/Grüße & mehr+100%.mp4", small)
    await cloud.work()
    (entry,) = cloud.catalog()
    assert entry["title"] == "Grüße & mehr+100%"
    cloud.check(Session(*entry["id"].split("/")))


async def test_two_workers_and_two_recordings_give_one_asset(cloud: Site, small_parts: list[Path]) -> None:
    backup = session_at(1, role="backup")
    cloud.record(SESSION, small_parts, announce=False)
    cloud.record(backup, small_parts, announce=False)
    await cloud.work(concurrency=3)
    assert cloud.masters() == [SESSION.master_key]
    cloud.check(SESSION)


async def test_what_is_no_video_is_refused_in_words(cloud: Site) -> None:
    cloud.ingest.put_bytes("uploads/x.mp4", b"#EXTM3U\n")
    await cloud.work()
    assert "playlist" in cloud.failed("uploads/x.mp4")["reason"]
    (dead,) = cloud.queue.dead()
    assert "playlist" in dead.reason
