"""Guarantee 3: the store answers 500, connections break, the disk is full, objects come and go: nothing is lost, and
the worker goes on."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from panocast.errors import NoRoomError, TemporaryError
from panocast.layout import UploadKey, upload_session
from panocast.process import Child, Command
from tests.aws import AwsServer
from tests.disk import can_mount, fill, small_disk
from tests.faults import Fault, at_random, faulty
from tests.integration.transcoder.processes import environment_of, transcoder, worker_argv
from tests.integration.transcoder.site import Site, directory_site, make_video, session_at
from tests.unit.transcoder.recordings import Watched
from tests.waiting import eventually
from transcoder.cut import scan_argv
from transcoder.encode import Span
from transcoder.missing import missing_keys
from transcoder.sound import audio_argv, concat_script
from transcoder.upload import cut_upload

pytestmark = pytest.mark.slow
SESSION = session_at()


async def test_a_service_that_fails_in_every_way_loses_nothing(
    cloud: Site, aws: AwsServer, small_parts: list[Path]
) -> None:
    """500s, cut connections, lost answers and delays on a fifth of all requests to S3 and SQS."""
    cloud.record(SESSION, small_parts)
    async with faulty(aws.url) as proxy:
        proxy.plan = at_random(random.Random(3), 0.2)
        code, _, err = await transcoder(cloud, "worker", "--until-idle", AWS_ENDPOINT_URL=proxy.url)
        assert code == 0, err
        assert min(proxy.done[fault] for fault in (Fault.ERROR, Fault.CUT, Fault.LOST, Fault.SLOW)) > 0
    assert len(cloud.check(SESSION).video[320].times_s) == 60
    assert len(cloud.catalog()) == 1
    assert cloud.queue.dead() == []


async def test_a_service_that_is_away_for_a_while_is_waited_for(
    cloud: Site, aws: AwsServer, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.record(SESSION, [small])
    away = 12

    async with faulty(aws.url) as proxy:

        def plan(_: object) -> Fault:
            return Fault.CUT if proxy.done.total() < away else Fault.NONE

        proxy.plan = plan
        code, _, err = await transcoder(cloud, "worker", "--until-idle", AWS_ENDPOINT_URL=proxy.url)
    assert code == 0, err
    assert "no messages" in err
    assert cloud.masters() == [SESSION.master_key]


@pytest.mark.skipif(not can_mount(), reason="this machine allows no mounts in a namespace of our own")
async def test_a_job_for_which_there_is_no_room_waits_for_it_and_the_worker_goes_on(
    site: Site, small: Path, tmp_path: Path
) -> None:
    """A scratch folder of 2 MB: what fits is transcoded, what does not is said before, and done elsewhere."""
    large = make_video(tmp_path / "large.mp4", 4, size="1280x640")
    assert large.stat().st_size > 1 << 20
    site.ingest.put_file("uploads/large.mp4", large)
    site.record(SESSION, [small], announce=False)
    scratch = site.root / "scratch"
    scratch.mkdir()
    mount = f"mount -t tmpfs -o size=2m none '{scratch}' && exec \"$@\""
    worker = Child(
        Command(
            "worker",
            ["unshare", "-rm", "sh", "-c", mount, "sh", *worker_argv(site)],
            env=environment_of(site, disk_free_mb=0, retry_s=0.5),
        )
    )
    await worker.start()
    try:
        await eventually(lambda: site.masters() == [SESSION.master_key], within_s=60)
        await eventually(lambda: "looking again" in "".join(worker.tail), within_s=60)
    finally:
        await worker.stop()
    assert f"uploads/large.mp4 needs {2 * large.stat().st_size / 1e6:.0f} MB" in "".join(worker.tail)
    assert "make room there" in "".join(worker.tail)
    assert site.queue.dead() == []
    assert site.keys("failed/") == []
    code, _, err = await transcoder(site, "worker", "--until-idle")
    assert code == 0, err
    assert len(site.masters()) == 2


@pytest.mark.skipif(not can_mount(), reason="this machine allows no mounts in a namespace of our own")
async def test_an_upload_takes_its_size_beside_itself(tmp_path: Path) -> None:
    """All of it on one disk: the file, its parts, and one of these twice."""
    large = make_video(tmp_path / "large.mp4", 4, size="1280x640")
    folder = tmp_path / "disk"
    folder.mkdir()
    async with small_disk(folder, str(int(2.5 * large.stat().st_size))) as disk:
        site = directory_site(disk, disk_free_mb=0, part_s=1, fence="off")
        site.upload("large.mp4", large)
        await site.work()
        assert site.queue.dead() == []
        assert [stat.key.rpartition("/")[2] for stat in site.ingest.list("recordings/")][-1] == "sound.mka"


@pytest.mark.skipif(not can_mount(), reason="this machine allows no mounts in a namespace of our own")
async def test_an_ffmpeg_that_meets_a_full_disk_has_not_succeeded(site: Site, small: Path, tmp_path: Path) -> None:
    """Not even where it says that it has: lists and HLS lose their ends without a failure."""
    fits, sound = Span(0, 2), [("small.mp4", 0.0)]
    folder = tmp_path / "disk"
    folder.mkdir()
    async with small_disk(folder, "1m") as disk:
        shutil.copy(small, disk / "small.mp4")
        (disk / "audio").mkdir()
        (disk / "audio.ffconcat").write_text(concat_script(sound))
        place = replace(site.place(fence="off"), scratch=disk)
        lists = scan_argv("small.mp4", "mov", max_pixels=10**8, sound=False)
        encodes = audio_argv("audio.ffconcat", 0, fits, 2, segment_s=1)
        for argv in (lists, encodes):
            await place.ffmpeg(argv, cwd=disk, what="it")
        for path in (disk / "packets.txt", *(disk / "audio").iterdir()):
            path.unlink()
        fill(disk / "other")
        for argv in (lists, encodes):
            with pytest.raises(NoRoomError, match="full: make room there"):
                await place.ffmpeg(argv, cwd=disk, what="it")


async def test_an_object_that_was_deleted_before_its_turn_is_refused_and_the_rest_published(
    any_site: Site, small_parts: list[Path], small: Path
) -> None:
    any_site.upload("gone.mp4", small)
    any_site.record(SESSION, small_parts, duration_s=2.0)
    any_site.ingest.delete("uploads/gone.mp4")
    any_site.ingest.delete(SESSION.part_key(2))
    await any_site.work()
    assert "deleted before its turn" in any_site.failed("uploads/gone.mp4")["reason"]
    assert "deleted before its turn" in any_site.failed(SESSION.part_key(2))["reason"]
    assert any_site.masters() == [SESSION.master_key]


async def test_an_upload_that_is_replaced_while_it_is_worked_on_gives_each_version_its_own_asset(
    cloud: Site, small: Path, small_parts: list[Path]
) -> None:
    """Never a mix: what is published is of one version."""
    key = cloud.upload("a.mp4", small)
    first = cloud.ingest.stat(key)
    assert first is not None
    store, count = cloud.ingest, 0

    class Replacing:
        """The object is replaced as soon as somebody has fetched it."""

        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        def get_file(self, key: str, path: Path) -> object:
            nonlocal count
            stat = store.get_file(key, path)
            if key.startswith("uploads/") and not count:
                count += 1
                store.put_file(key, small_parts[0])
                cloud.announce(key)
            return stat

    cloud.ingest = Replacing()  # type: ignore[assignment]
    await cloud.work()
    cloud.ingest = store
    cloud.announce_parts()
    await cloud.work()
    second = store.stat(key)
    assert second is not None
    sessions = [upload_session(key, stat.etag, stat.modified) for stat in (first, second)]
    frames = [len(next(iter(cloud.check(session).video.values())).times_s) for session in sessions]
    assert frames == [60, 30]


async def test_of_an_upload_that_is_written_to_while_it_is_cut_nothing_is_taken(site: Site, small: Path) -> None:
    path = site.root / "ingest" / "uploads" / "card.mp4"
    path.parent.mkdir(parents=True)
    shutil.copy(small, path)
    before = site.ingest.stat("uploads/card.mp4")
    assert before is not None
    session = upload_session(before.key, before.etag, before.modified)

    def write() -> None:
        with path.open("ab") as file:
            file.write(b"more of it")

    store = site.ingest
    site.ingest = Watched(store, "stat", write, session.end_key)
    with pytest.raises(TemporaryError, match="still being written"):
        await cut_upload(site.place(), UploadKey(before.key))
    assert list(store.list("recordings/")) == []


async def test_what_a_purged_queue_knew_is_found_again(any_site: Site, small_parts: list[Path], small: Path) -> None:
    any_site.record(SESSION, small_parts, announce=False)
    any_site.ingest.put_file("uploads/x.mp4", small)
    code, out, err = await transcoder(any_site, "jobs")
    assert (code, err) == (0, "")
    assert f"unfinished  {SESSION.path}: 0 of 2 parts transcoded" in out
    code, out, _ = await transcoder(any_site, "submit", "--missing")
    assert code == 0
    assert out.splitlines() == ["uploads/x.mp4", *map(SESSION.part_key, (1, 2)), SESSION.end_key]
    await any_site.work()
    cut = missing_keys(any_site.ingest, any_site.egress)
    assert len(cut) >= 2, "the parts that the upload was cut into, and their end marker"
    assert not any(key.startswith(("uploads/", f"recordings/{SESSION.path}/")) for key in cut)
    assert any_site.masters() == [SESSION.master_key]
