"""VOD out of a store that is not a folder of this machine, object by object."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from panocast.errors import NotFoundError, PanocastError
from panocast.headers import cache_control, media_type
from panocast.store import Stat, Store, is_key

log = logging.getLogger(__name__)

AT_ONCE = 16
WITHIN_S = 4.0
"""nginx waits no longer for an answer."""
NO_STORE = {"Cache-Control": "no-store"}


class StoreFiles:
    """Objects of a store, over HTTP; those who ask for one at the same time share a reading. Reading has threads of its
    own: a store that hangs must not keep those from their work that write live files. What nobody waits for any more is
    not read."""

    def __init__(self, store: Store, *, within_s: float = WITHIN_S) -> None:
        self._store = store
        self._within_s = within_s
        self._threads = ThreadPoolExecutor(AT_ONCE, "store")
        self._readings: dict[str, asyncio.Future[tuple[bytes, Stat]]] = {}
        self._waiting: Counter[str] = Counter()

    async def give(self, request: web.Request) -> web.Response:
        """The object `key` of the path, read whole: the largest is a segment of some megabytes."""
        key = request.match_info["key"]
        if not is_key(key):
            raise web.HTTPNotFound(headers=NO_STORE)
        try:
            async with asyncio.timeout(self._within_s):
                data, stat = await self._read(key)
        except NotFoundError:
            raise web.HTTPNotFound(headers=NO_STORE) from None
        except PanocastError as error:
            log.warning("%s cannot be served: %s", key, error)
            raise web.HTTPBadGateway(headers=NO_STORE) from error
        except TimeoutError as error:
            raise web.HTTPGatewayTimeout(headers=NO_STORE) from error
        headers = {"Cache-Control": cache_control(key), "ETag": f'"{stat.etag}"'}
        return web.Response(body=data, content_type=media_type(key), headers=headers)

    async def _read(self, key: str) -> tuple[bytes, Stat]:
        reading = self._readings.get(key)
        if reading is None:
            reading = asyncio.get_running_loop().run_in_executor(self._threads, self._store.get_bytes, key)
            self._readings[key] = reading
            reading.add_done_callback(lambda _: self._readings.pop(key))
        self._waiting[key] += 1
        try:
            return await asyncio.shield(reading)
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]
                reading.cancel()
