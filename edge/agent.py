"""The edge's agent: follows what the origins have live, answers `/live.json` and `/healthz`, and hands VOD through
where the egress store is not a folder of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import mimetypes
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
from aiohttp import web
from pydantic import ValidationError

from edge.live import Live, merge
from panocast.errors import NotFoundError, TemporaryError
from panocast.store import Store

log = logging.getLogger(__name__)

POLL_S = 0.5
TIMEOUT_S = 2.0
LARGEST_ANSWER = 1 << 20


class Follower:
    """Asks each origin twice a second what it has; `live` is the merged answer, `up` who answered last time."""

    def __init__(self, origins: Mapping[str, str]) -> None:
        self.live = Live()
        self.up: dict[str, bool] = dict.fromkeys(origins, False)
        self._origins = origins

    async def run(self) -> None:
        """Follow the origins until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                answers = await asyncio.gather(*(self._ask(session, role) for role in self._origins))
                self.live = merge([answer for answer in answers if answer])
                await asyncio.sleep(POLL_S)

    async def _ask(self, session: aiohttp.ClientSession, role: str) -> Live | None:
        try:
            async with session.get(f"{self._origins[role].rstrip('/')}/live.json") as response:
                response.raise_for_status()
                answer = Live.model_validate_json(await response.content.read(LARGEST_ANSWER))
        except (aiohttp.ClientError, TimeoutError, ValidationError, OSError) as error:
            if self.up[role]:
                log.warning("the %s origin does not answer: %s", role, error)
            self.up[role] = False
            return None
        if not self.up[role]:
            log.info("the %s origin answers", role)
        self.up[role] = True
        return answer


def make_app(follower: Follower, *, egress: Store | None = None, ready_file: Path | None = None) -> web.Application:
    """The agent's HTTP application. `ready_file`, where given, must exist before the edge calls itself healthy."""

    async def live(_: web.Request) -> web.Response:
        return web.Response(text=follower.live.model_dump_json(), content_type="application/json")

    async def healthz(_: web.Request) -> web.Response:
        ready = ready_file is None or await asyncio.to_thread(ready_file.exists)
        state = {"ok": ready, "origins": {role: "up" if up else "down" for role, up in follower.up.items()}}
        return web.json_response(state, status=200 if ready else 503)

    async def vod(request: web.Request) -> web.Response:
        assert egress is not None
        return await _object(egress, f"vod/{request.match_info['key']}")

    async def following(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(follower.run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    app = web.Application()
    app.cleanup_ctx.append(following)
    app.router.add_get("/live.json", live)
    app.router.add_get("/healthz", healthz)
    if egress is not None:
        app.router.add_get("/vod/{key:.+}", vod)
    return app


_SHORT_LIVED = ("master.m3u8", "asset.json", "catalog.json")


async def _object(store: Store, key: str) -> web.Response:
    """One VOD object, read whole: the largest is a segment of some megabytes."""
    try:
        data, stat = await asyncio.to_thread(store.get_bytes, key)
    except NotFoundError:
        raise web.HTTPNotFound(headers={"Cache-Control": "no-store"}) from None
    except TemporaryError as error:
        raise web.HTTPBadGateway(text=str(error), headers={"Cache-Control": "no-store"}) from error
    age = "no-cache" if key.endswith(_SHORT_LIVED) else "public, max-age=86400, immutable"
    return web.Response(
        body=data, content_type=media_type(key), headers={"Cache-Control": age, "ETag": f'"{stat.etag}"'}
    )


def media_type(key: str) -> str:
    """The MIME type of an object by its name."""
    ours = {".m3u8": "application/vnd.apple.mpegurl", ".m4s": "video/iso.segment", ".vtt": "text/vtt"}
    return ours.get(Path(key).suffix) or mimetypes.guess_type(key)[0] or "application/octet-stream"
