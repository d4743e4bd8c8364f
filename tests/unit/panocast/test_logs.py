import json
import logging
from collections.abc import Iterator

import pytest

from panocast.logs import FORMAT_VARIABLE, about, setup_logs

log = logging.getLogger("panocast.test")


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(FORMAT_VARIABLE, raising=False)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_off_a_terminal_each_line_is_json_that_says_what_it_is_about(capfd: pytest.CaptureFixture[str]) -> None:
    setup_logs()
    with about(job="recordings/cam/1/0001.mp4", stream="cam", message="no field hides the line itself"):
        log.info("%s in\n%d s", "done", 3, extra={"figures": {"cpu_s": 1.5}})
    log.warning("rtmp://host/live/cam?key=secret")
    first, second = map(json.loads, capfd.readouterr().err.splitlines())
    assert first.pop("at").endswith("Z")
    assert first == {
        "level": "info",
        "logger": "panocast.test",
        "message": "done in\n3 s",
        "job": "recordings/cam/1/0001.mp4",
        "stream": "cam",
        "cpu_s": 1.5,
    }
    assert "job" not in second
    assert second["message"] == "rtmp://host/live/cam?key=***"


def test_a_traceback_stays_in_its_line(capfd: pytest.CaptureFixture[str]) -> None:
    setup_logs()
    try:
        raise ValueError("key=secret")
    except ValueError:
        log.exception("unexpected")
    (line,) = capfd.readouterr().err.splitlines()
    assert "ValueError: key=***" in json.loads(line)["traceback"]


def test_whoever_started_us_decides_how_lines_look(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FORMAT_VARIABLE, "text")
    setup_logs()
    log.info("hello")
    assert capfd.readouterr().err.endswith("INFO    panocast.test: hello\n")
