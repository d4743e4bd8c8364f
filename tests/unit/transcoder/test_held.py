"""How often a job is tried, and what becomes of a message that nobody ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from panocast.errors import NoRoomError, PanocastError, TemporaryError
from panocast.layout import PartKey, failed_key
from panocast.process import ProcessError
from panocast.queue import Message
from panocast.settings import TranscoderSettings
from tests.unit.transcoder.recordings import SESSION, close, make_part, workplace
from transcoder.figures import Figures
from transcoder.held import MAX_RETRY_S, MOST_RECEIVES, ROOM_PATIENCE_S, Held, pause_s, tries_for
from transcoder.jobs import Job, event_body, parse_message
from transcoder.part import read_part_marker
from transcoder.workplace import Workplace

AWAY = TemporaryError("the store is away")
FAILED = ProcessError("ffmpeg failed", 1, ())


@pytest.mark.parametrize("patience_s", [60.0, 900.0, 86_400.0])
def test_what_may_pass_is_waited_for_with_patience(patience_s: float) -> None:
    settings = TranscoderSettings(patience_s=patience_s)
    pauses = [pause_s(failures, settings) for failures in range(tries_for(AWAY, settings) - 1)]
    assert sum(pauses) >= patience_s > sum(pauses[:-1])
    assert max(pauses) <= MAX_RETRY_S


@pytest.mark.parametrize("error", [FAILED, PanocastError("x"), ValueError("x")])
def test_what_fails_by_itself_is_tried_a_few_times(error: Exception) -> None:
    assert tries_for(error, TranscoderSettings(tries=4)) == 4


@pytest.mark.parametrize("settings", [TranscoderSettings(patience_s=0), TranscoderSettings(retry_s=0)])
def test_who_does_not_wait_has_a_few_tries_for_everything(settings: TranscoderSettings) -> None:
    assert tries_for(AWAY, settings) == settings.tries


def received(place: Workplace, key: str, times: int) -> Message:
    """The message for a key, received so often, by workers that died."""
    place.queue.send(event_body(key))
    for _ in range(times - 1):
        message = place.queue.receive(wait_s=0, visibility_s=30)
        assert message is not None
        place.queue.release(message)
    last = place.queue.receive(wait_s=0, visibility_s=30)
    assert last is not None
    return last


async def test_a_part_that_no_worker_ends_does_not_hold_its_recording_up(tmp_path: Path) -> None:
    """The queue would set its message aside without a word to the session that waits for it."""
    place = workplace(tmp_path)
    close(place.ingest, 2)
    make_part(place.egress, 1)
    key = SESSION.part_key(2)
    await Held(place, received(place, key, MOST_RECEIVES), Figures()).run()
    found = await read_part_marker(place, PartKey(SESSION, 2))
    assert found is not None
    assert found[0].failed == f"{MOST_RECEIVES - 1} workers took it, and none ended it"
    (dead,) = place.queue.dead()
    assert json.loads(place.egress.get_bytes(failed_key(key))[0])["reason"] == dead.reason == found[0].failed
    finish = place.queue.receive(wait_s=0, visibility_s=30)
    assert finish is not None, "the session is finished without it"
    jobs = parse_message(finish.body)
    assert isinstance(jobs, tuple)
    assert jobs[0].key == SESSION.end_key


@pytest.mark.parametrize(("failures", "is_dead"), [(0, False), (4, False), (7, False), (8, True)])
async def test_what_may_pass_is_set_aside_after_that_with_its_reason(
    tmp_path: Path, failures: int, is_dead: bool
) -> None:
    place = workplace(tmp_path)
    close(place.ingest, 1)
    place.scratch.write_text("a file, so that no folder can be made here")
    job = Job(SESSION.part_key(1), PartKey(SESSION, 1), failures=failures)
    place.queue.send(job.body())
    message = place.queue.receive(wait_s=0, visibility_s=30)
    assert message is not None
    await Held(place, message, Figures()).run()
    depth = place.queue.depth()
    assert depth.dead == is_dead
    if is_dead:
        assert "no scratch folder" in place.queue.dead()[0].reason
        assert json.loads(place.egress.get_bytes(failed_key(job.key))[0])["tries"] == 9


async def test_a_job_that_waits_for_room_has_not_failed_and_comes_back_for_a_day(tmp_path: Path) -> None:
    settings = TranscoderSettings()
    looks = tries_for(NoRoomError("full"), settings)
    assert sum(pause_s(look, settings) for look in range(looks - 1)) >= ROOM_PATIENCE_S
    place = workplace(tmp_path, disk_free_mb=1 << 40, retry_s=0.01)
    close(place.ingest, 1)
    job = Job(SESSION.part_key(1), PartKey(SESSION, 1))
    place.queue.send(job.body())
    for look in range(3):
        message = place.queue.receive(wait_s=5, visibility_s=30)
        assert message is not None
        found = parse_message(message.body)
        assert isinstance(found, tuple)
        assert (found[0].failures, found[0].looks) == (0, look)
        await Held(place, message, Figures()).run()
    assert place.queue.dead() == []
    assert place.egress.stat(failed_key(job.key)) is None


async def test_a_job_that_found_no_room_for_a_day_is_set_aside_with_the_reason(tmp_path: Path) -> None:
    place = workplace(tmp_path, disk_free_mb=1 << 40)
    close(place.ingest, 1)
    job = Job(SESSION.part_key(1), PartKey(SESSION, 1), looks=tries_for(NoRoomError("full"), place.settings))
    place.queue.send(job.body())
    message = place.queue.receive(wait_s=0, visibility_s=30)
    assert message is not None
    await Held(place, message, Figures()).run()
    (dead,) = place.queue.dead()
    assert "make room there" in dead.reason
