"""Two real origins, and every way to publish to them: to both, one after the other, and pushed on by the primary."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from panocast.feed import Feed
from tests.integration.origin.encoder import argv, publishing
from tests.integration.origin.running import Origin, running_origin
from tests.ports import free_ports
from tests.waiting import eventually

pytestmark = pytest.mark.slow

NAME = "cam"


def small(url: str) -> list[str]:
    """An encoder whose pictures cost next to nothing."""
    return argv(url, size="320x160", fps=15)


@asynccontextmanager
async def two_origins(state: Path, *, push: bool = False, ahead_s: float = 0.0) -> AsyncIterator[tuple[Origin, Origin]]:
    """A primary and a backup, each the other's peer, one secret for both; the primary pushes on or not. The backup's
    clock may be ahead."""
    *http_ports, backup_rtmp = free_ports(3)
    first, second = (f"http://127.0.0.1:{port}" for port in http_ports)
    more: dict[str, Any] = {"push_to": f"rtmp://127.0.0.1:{backup_rtmp}/live"} if push else {}
    async with AsyncExitStack() as stack:
        primary = await stack.enter_async_context(
            running_origin(state, role="primary", http_port=http_ports[0], peer=second, **more)
        )
        (state / "backup").mkdir()
        (state / "backup" / "secret").write_bytes((state / "secret").read_bytes())
        backup = await stack.enter_async_context(
            running_origin(
                state / "backup",
                role="backup",
                http_port=http_ports[1],
                peer=first,
                rtmp_port=backup_rtmp,
                ahead_s=ahead_s,
            )
        )
        yield primary, backup


def told(feed: Feed, places: set[tuple[str, int]]) -> list[tuple[str, int, int, int, int]]:
    return [
        (s.name, s.date_ms, s.end_ms, s.discontinuity_sequence, min(s.rungs))
        for s in feed.segments
        if (s.timeline, s.number) in places
    ]


async def on_one_timeline(one: Origin, other: Origin, at_least: int = 4) -> tuple[Feed, Feed]:
    """Wait until both have so many segments of the same numbers, and check that they are the same ones."""

    async def feeds() -> tuple[Feed, Feed] | None:
        both = await one.feed(NAME), await other.feed(NAME)
        if both[0] is None or both[1] is None:
            return None
        return (both[0], both[1]) if len(common(both[0], both[1])) >= at_least else None

    found = await eventually(feeds)
    assert found
    places = common(*found)
    assert found[0].zero_ms == found[1].zero_ms
    assert found[0].timeline == found[1].timeline
    assert told(found[0], places) == told(found[1], places)
    return found


def common(one: Feed, other: Feed) -> set[tuple[str, int]]:
    """The places on a timeline at which both have a segment."""
    mine, theirs = ({(s.timeline, s.number) for s in feed.segments if s.rungs} for feed in (one, other))
    return mine & theirs


def to_both(primary: Origin, backup: Origin) -> list[str]:
    """An encoder that publishes the same bytes to both."""
    words = small("-")
    target = "f=flv:onfail=ignore:use_fifo=1:fifo_options=drop_pkts_on_overflow=1:flvflags=no_duration_filesize"
    outputs = "|".join(f"[{target}]{origin.url(NAME)}" for origin in (primary, backup))
    return [*words[:-5], "-flags", "+global_header", "-map", "0:v", "-map", "1:a", "-f", "tee", outputs]


async def test_published_to_both_they_agree_though_their_clocks_are_half_a_minute_apart(tmp_path: Path) -> None:
    """And the push keeps out of the way."""
    async with (
        two_origins(tmp_path, push=True, ahead_s=30) as (primary, backup),
        publishing(to_both(primary, backup)),
    ):
        one, other = await on_one_timeline(primary, backup)
        assert other.now_ms - one.now_ms > 29_000
        for feed in (one, other):
            assert not any(segment.discontinuity for segment in feed.segments)
        await eventually(lambda: "published there already" in primary.everything_said())
        assert await backup.refused(NAME) is None


async def test_rolled_over_to_the_backup_numbers_go_forward_over_one_seam(tmp_path: Path) -> None:
    async with two_origins(tmp_path) as (primary, backup):
        async with publishing(small(primary.url(NAME))):
            await primary.segments(NAME, 320, at_least=4)
        before = await primary.feed(NAME)
        assert before
        async with publishing(small(backup.url(NAME))):
            after = await backup.segments(NAME, 320, at_least=3)
        last = before.segments[-1]
        assert after[0].number > last.number
        assert after[0].date_ms >= last.end_ms
        assert [s.number for s in after] == list(range(after[0].number, after[0].number + len(after)))
        assert [s.discontinuity for s in after] == [True, *[False] * (len(after) - 1)]
        assert {s.discontinuity_sequence for s in after} == {last.discontinuity_sequence + 1}


async def test_pushed_on_by_the_primary_they_agree_until_an_encoder_comes_to_the_backup(tmp_path: Path) -> None:
    async with two_origins(tmp_path, push=True) as (primary, backup), publishing(small(primary.url(NAME))):
        for feed in await on_one_timeline(primary, backup):
            assert not any(segment.discontinuity for segment in feed.segments)
        async with publishing(small(backup.url(NAME))) as encoder:
            await eventually(lambda: "published there already" in primary.everything_said())
            assert encoder.returncode is None
            assert (await backup.live())["publishing"] == [NAME]
            assert await backup.refused(NAME) is None
        said = primary.everything_said() + backup.everything_said()
        assert primary.key(NAME) not in said
