"""A feed is followed over real HTTP, whatever the origin that has it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from panocast.feed import Feed, FeedSegment, RungFile, State
from panocast.follow import LARGEST_FEED_BYTES, follow_feed
from tests.serving import serving
from tests.waiting import eventually

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def feed(version: int, epoch: str = "first") -> Feed:
    return Feed(name="show", role="primary", epoch=epoch, version=version, state=State.LIVE, now_ms=1)


class Other:
    """The other origin: `answer` says what it does, `asked` each `after`, `heard` what was told of it."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.heard: list[Feed | None] = []
        self.news = asyncio.Condition()
        self.now: Feed | None = feed(1)
        self.answer: Answer = self.honestly

    async def honestly(self, request: web.Request) -> web.StreamResponse:
        after = request.query.get("after")
        async with self.news:
            await self.news.wait_for(lambda: self.now is None or self.now.cursor != after)
        if self.now is None:
            raise web.HTTPNotFound
        return web.json_response(text=self.now.model_dump_json())

    async def has(self, now: Feed | None) -> None:
        async with self.news:
            self.now = now
            self.news.notify_all()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.query.get("after"))
        return await self.answer(request)


@asynccontextmanager
async def followed(other: Other, within_s: float = 7.0) -> AsyncIterator[None]:
    app = web.Application()
    app.add_routes([web.get("/feed/show", other.handle)])
    async with serving(app, shutdown_timeout=0.1) as url, aiohttp.ClientSession() as session:
        following = follow_feed(session, url, "show", other.heard.append, who="the other origin", within_s=within_s)
        task = asyncio.create_task(following)
        try:
            yield
            assert not task.done(), "following ended by itself"
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_each_state_is_told_once_and_asked_for_by_its_cursor() -> None:
    other = Other()
    async with followed(other):
        await eventually(lambda: other.heard == [feed(1)], every_s=0.01)
        await other.has(feed(2))
        await eventually(lambda: other.heard == [feed(1), feed(2)], every_s=0.01)
        await eventually(lambda: other.asked == [None, "first.1", "first.2"], every_s=0.01)


async def test_what_a_long_window_told_before_is_not_read_anew() -> None:
    def window(version: int, *segments: FeedSegment) -> Feed:
        return feed(version).model_copy(update={"segments": segments})

    segments = [FeedSegment(timeline="0123abcd", number=n, date_ms=n, duration_ms=1) for n in range(6)]
    file = RungFile(init="init-0123456789ab.mp4", size=1)
    changed = segments[2].model_copy(update={"rungs": {640: file}})
    told = [
        window(1, *segments[:3]),
        window(2, *segments[1:4]),
        window(3, segments[1], changed, *segments[3:5]),
        window(4, changed, *segments[3:]),
        window(5, *segments[4:], *segments[:2]),
        window(6),
        window(7, segments[5]),
    ]
    other = Other()
    other.now = told[0]
    async with followed(other):
        for now in told:
            await other.has(now)
            await eventually(lambda: other.heard[-1:] == [other.now], every_s=0.01)
        assert other.heard == told
    one, two, three, four = [said.segments for said in other.heard if said][:4]
    assert one[1] is two[0] is three[0]
    assert two[2] is three[2] is four[1]


async def test_a_restarted_peer_and_one_that_lost_the_stream_are_followed_on() -> None:
    other = Other()
    async with followed(other):
        await eventually(lambda: other.heard == [feed(1)], every_s=0.01)
        await other.has(feed(0, "second"))
        await eventually(lambda: other.heard[-1] == feed(0, "second"), every_s=0.01)
        await other.has(None)
        await eventually(lambda: other.heard[-1] is None, every_s=0.01)
        await other.has(feed(5, "second"))
        await eventually(lambda: other.heard[-1] == feed(5, "second"), every_s=0.01)
        assert other.asked[-2] is None, "what it had before it lost the stream is no cursor any more"


def text(body: str | bytes, status: int = 200) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, content_type="application/json")

    return answer


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport
    request.transport.abort()
    return web.Response()


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(LARGEST_FEED_BYTES // (1 << 16) + 2):
        await response.write(b" " * (1 << 16))
    await response.write(feed(1).model_dump_json().encode())
    return response


async def elsewhere(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/feed/show?after=elsewhere")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (text("<html>"), "no feed"),
        (text("[" * 100_000), "no feed"),
        (text(feed(1).model_dump_json().replace("live", "dancing")), "state"),
        (text(feed(1).model_dump_json().replace("first", "x" * 100)), "epoch"),
        (text(b"\xff\xfe\x00"), "no feed"),
        (text(feed(1).model_dump_json().replace("show", "cam")), "the feed of 'cam'"),
        (text("", 500), "500"),
        (hang_up, "http://127.0.0.1"),
        (endless, "more than"),
        (elsewhere, "302"),
    ],
    ids=["html", "nested", "state", "epoch", "bytes", "another", "500", "hang-up", "endless", "redirect"],
)
async def test_nonsense_is_no_word_and_said_once(answer: Answer, words: str, caplog: pytest.LogCaptureFixture) -> None:
    other = Other()
    other.answer = answer
    async with followed(other):
        await eventually(lambda: len(other.heard) >= 2, every_s=0.01)
        assert set(other.heard) == {None}
        warnings = [record.getMessage() for record in caplog.records if record.name == "panocast.follow"]
        assert len(warnings) == 1
        assert words in warnings[0]
        other.answer = other.honestly
        await eventually(lambda: other.heard[-1] == feed(1), every_s=0.01)


async def test_a_peer_that_never_waits_is_not_asked_in_a_tight_loop() -> None:
    other = Other()
    other.answer = text(feed(1).model_dump_json())
    async with followed(other):
        await asyncio.sleep(0.5)
        assert len(other.asked) < 20


async def test_a_peer_that_does_not_answer_is_given_up_in_time() -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    other = Other()
    other.answer = slow
    async with followed(other, within_s=0.2):
        await eventually(lambda: other.heard[:1] == [None], every_s=0.01)


async def test_no_peer_at_all_is_told_at_once() -> None:
    heard: list[Feed | None] = []
    async with aiohttp.ClientSession() as session:
        following = follow_feed(session, "http://127.0.0.1:9", "show", heard.append, who="the other origin")
        task = asyncio.create_task(following)
        await eventually(lambda: heard[:1] == [None], every_s=0.01)
        task.cancel()
        await asyncio.wait([task])
