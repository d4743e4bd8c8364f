"""What the edge understands of what origins say."""

from __future__ import annotations

import asyncio

import pytest

from edge.origins import Origins
from tests.integration.edge.fake_origin import NAME, FakeOrigin, Program
from tests.waiting import eventually

pytestmark = pytest.mark.slow


async def test_a_list_that_comes_in_pieces_is_read_whole() -> None:
    async with FakeOrigin("primary", halting=True).serving() as primary:
        primary.announce(Program().next())
        origins = Origins({"primary": primary.url})

        async def news() -> None:
            pass

        following = asyncio.create_task(origins.run(news))
        try:
            await eventually(lambda: origins.has(NAME))
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
