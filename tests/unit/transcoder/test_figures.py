import logging
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from panocast.errors import UsageError
from panocast.layout import parse_ingest_key
from panocast.metrics import exposed
from panocast.queue import Depth
from transcoder.figures import Ending, Figures, Tried, kind_of

PART = Tried(
    key="recordings/cam/20261120T084641Z-primary/0001.mp4",
    kind="part",
    ending=Ending.DONE,
    wall_s=10.0,
    cpu_s=18.0,
    peak_bytes=250_000_000,
    video_s=9.0,
    read_bytes=5_000_000,
    written_bytes=2_500_000,
)


def test_a_job_is_one_line_with_its_figures_and_its_cost(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    figures = Figures(price_per_vcpu_hour=0.02)
    figures.started()
    figures.ended(PART)
    (record,) = caplog.records
    assert record.getMessage() == (
        "recordings/cam/20261120T084641Z-primary/0001.mp4: done after 10.0 s, 18.0 s of CPU, 250 MB at most, "
        "9.0 s of video (0.50 per CPU second), 5.0 MB read, 2.5 MB written, cost about 0.000100"
    )
    said = record.__dict__["figures"]
    assert (said["cpu_s"], said["video_per_cpu_s"], said["cost"]) == (18.0, 0.5, 0.0001)


def test_without_a_price_there_is_no_cost(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    figures = Figures()
    figures.started()
    figures.ended(PART)
    assert "cost" not in caplog.text


def test_what_was_counted_is_served_on_loopback() -> None:
    figures = Figures(price_per_vcpu_hour=0.02)
    for _ in range(2):
        figures.started()
    figures.ended(PART)
    figures.queue_is(Depth(waiting=3, held=2, dead=1, oldest_s=42.0))
    with exposed(figures.registry, 0) as port:
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    for line in (
        'panocast_transcoder_jobs_total{ending="done",kind="part"} 1.0',
        "panocast_transcoder_jobs_running 1.0",
        "panocast_transcoder_video_seconds_total 9.0",
        'panocast_transcoder_cpu_seconds_total{kind="part"} 18.0',
        'panocast_transcoder_bytes_total{direction="written"} 2.5e+06',
        "panocast_transcoder_cost_total 0.0001",
        'panocast_queue_messages{state="waiting"} 3.0',
        "panocast_queue_oldest_seconds 42.0",
    ):
        assert line in text


def test_a_queue_that_cannot_tell_its_age_has_none() -> None:
    figures = Figures()
    figures.queue_is(Depth(waiting=3, held=2, dead=1, oldest_s=None))
    said = generate_latest(figures.registry)
    assert b'panocast_queue_messages{state="waiting"} 3.0' in said
    assert b"oldest" not in said


def test_two_workers_of_one_process_do_not_share_their_counts() -> None:
    one, two = Figures(), Figures()
    one.started()
    one.ended(PART)
    assert b"ending=" in generate_latest(one.registry)
    assert b"ending=" not in generate_latest(two.registry)


def test_a_port_that_is_taken_is_named() -> None:
    with exposed(CollectorRegistry(), 0) as port, pytest.raises(UsageError, match=str(port)):  # noqa: SIM117
        with exposed(CollectorRegistry(), port):
            pass


@pytest.mark.parametrize(
    ("key", "kind"),
    [("uploads/a.mp4", "upload"), (PART.key, "part"), ("recordings/cam/20261120T084641Z-primary/end.json", "finish")],
)
def test_every_job_has_a_kind(key: str, kind: str) -> None:
    at = parse_ingest_key(key)
    assert at is not None
    assert kind_of(at) == kind
