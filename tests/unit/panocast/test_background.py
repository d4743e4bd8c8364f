"""Tasks in the background: none is lost, and none fails unseen."""

from __future__ import annotations

import asyncio

import pytest

from panocast.background import Background
from panocast.errors import TemporaryError


async def test_what_fails_is_said_and_the_others_are_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    async def well() -> None:
        await asyncio.sleep(0.01)
        done.append("well")

    async def badly() -> None:
        raise TemporaryError("no room")

    background = Background()
    background.start(well(), "the end of cam")
    background.start(badly(), "the push of cam")
    background.start(asyncio.sleep(60), "the push of dog").cancel()
    await background.ended()
    assert done == ["well"]
    assert caplog.messages == ["the push of cam failed"]
    assert "no room" in caplog.text
