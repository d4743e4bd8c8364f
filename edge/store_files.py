"""VOD out of a store that is not a folder of this machine, object by object."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from panocast.errors import NotFoundError, PanocastError
from panocast.headers import cache_control, media_type
from panocast.store import Store, is_key

log = logging.getLogger(__name__)

AT_ONCE = 16
WITHIN_S = 4.0
"""nginx waits no longer for an answer."""
NO_STORE = {"Cache-Control": "no-store"}


class StoreFiles:
    """Objects of a store, over HTTP. Reading has threads of its own: a store that hangs must not keep those from their
    work that write live files. What waited for one in vain is not read any more."""

    def __init__(self, store: Store, *, within_s: float = WITHIN_S) -> None:
        self._store = store
        self._within_s = within_s
        self._threads = ThreadPoolExecutor(AT_ONCE, "store")

    async def give(self, request: web.Request) -> web.Response:
        """The object `key` of the path, read whole: the largest is a segment of some megabytes."""
        key = request.match_info["key"]
        if not is_key(key):
            raise web.HTTPNotFound(headers=NO_STORE)
        reading = asyncio.get_running_loop().run_in_executor(self._threads, self._store.get_bytes, key)
        try:
            async with asyncio.timeout(self._within_s):
                data, stat = await reading
        except NotFoundError:
            raise web.HTTPNotFound(headers=NO_STORE) from None
        except PanocastError as error:
            log.warning("%s cannot be served: %s", key, error)
            raise web.HTTPBadGateway(headers=NO_STORE) from error
        except TimeoutError as error:
            raise web.HTTPGatewayTimeout(headers=NO_STORE) from error
        headers = {"Cache-Control": cache_control(key), "ETag": f'"{stat.etag}"'}
        return web.Response(body=data, content_type=media_type(key), headers=headers)
