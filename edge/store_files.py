"""VOD out of a store that is not a folder of this machine, object by object."""

from __future__ import annotations

import asyncio
import mimetypes
from pathlib import Path

from aiohttp import web

from panocast.errors import NotFoundError, TemporaryError
from panocast.store import Store

_SHORT_LIVED = ("master.m3u8", "asset.json", "catalog.json")


async def stored(store: Store, key: str) -> web.Response:
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
