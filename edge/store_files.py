"""VOD out of a store that is not a folder of this machine, object by object."""

from __future__ import annotations

import asyncio

from aiohttp import web

from panocast.errors import NotFoundError, TemporaryError
from panocast.headers import cache_control, media_type
from panocast.store import Store


async def stored(store: Store, key: str) -> web.Response:
    """One VOD object, read whole: the largest is a segment of some megabytes."""
    try:
        data, stat = await asyncio.to_thread(store.get_bytes, key)
    except NotFoundError:
        raise web.HTTPNotFound(headers={"Cache-Control": "no-store"}) from None
    except TemporaryError as error:
        raise web.HTTPBadGateway(text=str(error), headers={"Cache-Control": "no-store"}) from error
    headers = {"Cache-Control": cache_control(key), "ETag": f'"{stat.etag}"'}
    return web.Response(body=data, content_type=media_type(key), headers=headers)
