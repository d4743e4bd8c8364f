"""The edge's agent: follows the origins, mirrors what is watched, and answers for nginx what no file does."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aiohttp import web

from edge.beacons import LARGEST, Beacons
from edge.metrics import EdgeMetrics
from edge.mirrors import Mirrors
from edge.origins import Origins
from edge.store_files import StoreFiles
from panocast.feed import FILE_NAME
from panocast.layout import STREAM_NAME
from panocast.store import Store

log = logging.getLogger(__name__)

AGAIN_S = 1.0
NO_STORE = {"Cache-Control": "no-store"}
LIVE_PATH = re.compile(rf"(?P<name>{STREAM_NAME.pattern})(?:\.m3u8|_[0-9]{{1,5}}/(?:index\.m3u8|{FILE_NAME.pattern}))")
"""What of a stream stands below /hls/."""


class Agent:
    """The agent's HTTP handlers, and what runs behind them. `ready_file`, where given, must exist before the edge calls
    itself healthy; `mirrors` is None where nginx proxies live streams instead."""

    def __init__(
        self,
        origins: Origins,
        mirrors: Mirrors | None,
        metrics: EdgeMetrics,
        *,
        egress: Store | None = None,
        ready_file: Path | None = None,
        beacons: Beacons | None = None,
    ) -> None:
        self._origins = origins
        self._mirrors = mirrors
        self._metrics = metrics
        self._vod = StoreFiles(egress) if egress else None
        self._ready_file = ready_file
        self._beacons = beacons
        self._draining = False

    def app(self) -> web.Application:
        """The application; what runs behind it runs as long as it does."""
        app = web.Application(client_max_size=LARGEST)
        app.cleanup_ctx.append(self._running)
        app.router.add_get("/live.json", self._live)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._figures)
        app.router.add_post("/drain", self._drain)
        if self._beacons is not None:
            app.router.add_post("/beacon", self._beacons.take)
        if self._mirrors is not None:
            app.router.add_get("/hls/{path:.+}", self._mirrored)
        if self._vod is not None:
            app.router.add_get("/{key:vod/.+}", self._vod.give)
        return app

    async def _running(self, _: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_for_ever(lambda: self._origins.run(self._list_live)))]
        if self._mirrors is not None:
            tasks.append(asyncio.create_task(_for_ever(self._mirrors.run)))
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _list_live(self) -> None:
        if self._mirrors is not None:
            await self._mirrors.list_live()

    async def _live(self, _: web.Request) -> web.Response:
        text = self._mirrors.listing() if self._mirrors else self._origins.live.model_dump_json()
        return web.Response(text=text, content_type="application/json")

    async def _healthz(self, _: web.Request) -> web.Response:
        ready = self._ready_file is None or await asyncio.to_thread(self._ready_file.exists)
        origins = {role: "up" if up else "down" for role, up in self._origins.up.items()}
        state = {"ok": ready and not self._draining, "draining": self._draining, "origins": origins}
        return web.json_response(state, status=200 if state["ok"] else 503, headers=NO_STORE)

    async def _figures(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), content_type="text/plain", charset="utf-8")

    async def _drain(self, _: web.Request) -> web.Response:
        """From now on /healthz fails."""
        self._draining = True
        return web.Response(status=204)

    async def _mirrored(self, request: web.Request) -> web.Response:
        assert self._mirrors is not None
        path = request.match_info["path"]
        match = LIVE_PATH.fullmatch(path)
        if match and await self._mirrors.serve(match["name"], path):
            kind = "fresh" if path.endswith(".m3u8") else "fixed"
            return web.Response(headers={"X-Accel-Redirect": f"/mirrored/{kind}/{path}"})
        known = any(self._origins.up.values())
        return web.Response(status=404 if known else 503, headers=NO_STORE)


async def _for_ever(run: Callable[[], Awaitable[None]]) -> None:
    """Keep something running whatever happens to it: a full disk passes, and viewers are still there."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("the agent goes on after")
        await asyncio.sleep(AGAIN_S)
