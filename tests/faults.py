"""A proxy that stands before a server and makes trouble: answers 500, cuts connections, loses answers, is slow."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests.serving import serving


class Fault(StrEnum):
    """What happens to a request."""

    NONE = "none"
    ERROR = "500"  # it does not reach the server
    CUT = "cut"  # neither does this one, and there is no answer at all
    LOST = "lost"  # the server does what it is asked, and the answer is lost
    SLOW = "slow"
    DENIED = "denied"  # the credentials have expired


EXPIRED = (
    b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>",
    b'{"__type":"com.amazonaws.sqs#ExpiredToken","message":"The security token included in the request is expired"}',
)
Plan = Callable[[web.Request], Fault]


@dataclass
class FaultyServer:
    """Where it listens, what it does to each request, and what it did."""

    url: str = ""
    plan: Plan = lambda _: Fault.NONE
    done: Counter[Fault] = field(default_factory=Counter)


def at_random(dice: random.Random, share: float) -> Plan:
    """A fault for such a share of the requests."""
    kinds = [Fault.ERROR, Fault.CUT, Fault.LOST, Fault.SLOW]
    return lambda _: dice.choice(kinds) if dice.random() < share else Fault.NONE


@asynccontextmanager
async def faulty(upstream: str) -> AsyncIterator[FaultyServer]:
    """Run a proxy before the server at `upstream` on a free port."""
    server = FaultyServer()
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:

        async def handle(request: web.Request) -> web.StreamResponse:
            fault = server.plan(request)
            server.done[fault] += 1
            body = await request.read()
            match fault:
                case Fault.ERROR:
                    return web.Response(status=500, text="out of order")
                case Fault.DENIED:
                    sqs = "X-Amz-Target" in request.headers
                    kind = "application/x-amz-json-1.0" if sqs else "application/xml"
                    return web.Response(status=400, body=EXPIRED[sqs], content_type=kind)
                case Fault.CUT:
                    _cut(request)
                case Fault.SLOW:
                    await asyncio.sleep(0.3)
            answer = await _forward(session, upstream, request, body)
            if fault is Fault.LOST:
                _cut(request)
            return answer

        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", handle)
        async with serving(app, handler_cancellation=False) as server.url:
            yield server


def _cut(request: web.Request) -> None:
    if request.transport:
        request.transport.abort()
    raise web.HTTPInternalServerError  # to nobody


async def _forward(
    session: aiohttp.ClientSession, upstream: str, request: web.Request, body: bytes
) -> web.StreamResponse:
    """The server's own answer, as it is."""
    hop = {"connection", "transfer-encoding", "expect", "content-length"}
    headers = {name: value for name, value in request.headers.items() if name.lower() not in hop}
    url = f"{upstream}{request.raw_path}"
    async with session.request(
        request.method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
    ) as answer:
        content = await answer.read()
        said = CIMultiDict((name, value) for name, value in answer.headers.items() if name.lower() not in hop)
        if request.method == "HEAD":  # the length of what is not sent
            said["Content-Length"] = answer.headers.get("Content-Length", "0")
            return web.StreamResponse(status=answer.status, headers=said)
        return web.Response(status=answer.status, body=content, headers=said)
