"""EC2's instance metadata service (IMDSv2) on loopback: what it says can change while somebody asks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.serving import serving

TOKEN = "a-token"


@dataclass
class Metadata:
    """What the instance's metadata says now, by path; `asked` counts the requests for each."""

    url: str = ""
    says: dict[str, str] = field(default_factory=lambda: {"instance-id": "i-0123456789abcdef0"})
    asked: dict[str, int] = field(default_factory=dict)
    token: str = TOKEN
    silent_for: int = 0
    """So many requests it does not answer first."""

    @property
    def environment(self) -> dict[str, str]:
        """What makes our code (and boto3) ask here."""
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url, "AWS_EC2_METADATA_DISABLED": "false"}

    def interrupt(self, action: str = "terminate", time: str = "2026-11-20T09:00:00Z") -> None:
        """The machine is to be taken away."""
        self.says["spot/instance-action"] = json.dumps({"action": action, "time": time})

    def recommend_leaving(self, time: str = "2026-11-20T08:58:00Z") -> None:
        """The machine may be taken away soon."""
        self.says["events/recommendations/rebalance"] = json.dumps({"noticeTime": time})


@asynccontextmanager
async def metadata_server() -> AsyncIterator[Metadata]:
    """Run it on a free port."""
    metadata = Metadata()

    async def token(request: web.Request) -> web.Response:
        if metadata.silent_for:
            metadata.silent_for -= 1
            assert request.transport is not None
            request.transport.abort()
        if "X-aws-ec2-metadata-token-ttl-seconds" not in request.headers:
            raise web.HTTPBadRequest
        return web.Response(text=metadata.token)

    async def answer(request: web.Request) -> web.Response:
        path = request.match_info["path"]
        metadata.asked[path] = metadata.asked.get(path, 0) + 1
        if request.headers.get("X-aws-ec2-metadata-token") != metadata.token:
            raise web.HTTPUnauthorized
        if path not in metadata.says:
            raise web.HTTPNotFound
        return web.Response(text=metadata.says[path])

    app = web.Application()
    app.add_routes([web.put("/latest/api/token", token), web.get("/latest/meta-data/{path:.+}", answer)])
    async with serving(app) as metadata.url:
        yield metadata
