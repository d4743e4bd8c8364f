"""What is pushed on: every stream that is live, as it is, unless somebody has the name over there."""

from __future__ import annotations

import pytest

from origin.push import Push, push_argv
from panocast.errors import TemporaryError
from tests.waiting import eventually


def test_frames_and_times_are_not_touched() -> None:
    argv = push_argv("rtmp://127.0.0.1:1937/live/cam", "rtmp://backup/live/cam?key=K")
    assert argv[argv.index("-c") + 1] == "copy"
    assert "-copyts" in argv
    assert argv[-1] == "rtmp://backup/live/cam?key=K"
    assert not {"-c:v", "-vf", "-filter_complex", "libx264"} & set(argv)


class Other:
    """Says who publishes on the other origin; the pushes that came write down that they did."""

    def __init__(self) -> None:
        self.busy: bool | None = True
        self.asked = 0

    async def has(self, name: str) -> bool:
        self.asked += 1
        if self.busy is None:
            raise TemporaryError("the other origin is away")
        return self.busy


async def test_a_push_waits_quietly_while_the_name_is_taken_and_looks_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "origin.push")
    other = Other()
    push = Push(lambda name: ["sleep", "60"], other.has, wait_s=0.01)
    push.reconcile({"cam": (1, 5)})
    await eventually(lambda: other.asked > 5, every_s=0.01)
    assert len(caplog.messages) == 1
    other.busy = None
    await eventually(lambda: "the other origin is away" in caplog.text, every_s=0.01)
    other.busy = False
    await eventually(lambda: "pushed on" in caplog.text, every_s=0.01)
    asked = other.asked
    push.reconcile({})
    await push.stop()
    assert other.asked == asked


async def test_a_push_lasts_as_long_as_its_publisher_and_another_one_gets_its_own() -> None:
    other, pushed = Other(), 0
    other.busy = False

    def argv_of(name: str) -> list[str]:
        nonlocal pushed
        pushed += 1
        return ["sleep", "60"]

    push = Push(argv_of, other.has, wait_s=0.01)
    push.reconcile({"cam": (1, 5)})
    await eventually(lambda: pushed == 1, every_s=0.01)
    push.reconcile({"cam": (1, 5)})
    push.reconcile({"cam": (1, 6)})
    await eventually(lambda: pushed == 2, every_s=0.01)
    await push.stop()
    assert pushed == 2


async def test_a_push_that_fails_in_a_way_nobody_thought_of_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    other, tries = Other(), 0
    other.busy = False

    def argv_of(name: str) -> list[str]:
        nonlocal tries
        tries += 1
        raise OSError(24, "Too many open files")

    push = Push(argv_of, other.has, wait_s=0.01)
    push.reconcile({"cam": (1, 5)})
    await eventually(lambda: tries > 2, every_s=0.01)
    assert "cam: its push failed" in caplog.text
    await push.stop()
