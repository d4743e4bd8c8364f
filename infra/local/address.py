"""The address at which other devices find the library, which another network, or a new lease, changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from edge.config import EdgePaths
from edge.page import publish_site
from panocast.settings import EdgeSettings

log = logging.getLogger(__name__)

EVERY_S = 3.0


async def follow_address(
    paths: EdgePaths,
    edge: EdgeSettings,
    find: Callable[[], str | None],
    tell: Callable[[str], None],
    every_s: float = EVERY_S,
) -> None:
    """Until cancelled, let the page and the log say where viewers find it now, and `tell` of each new URL.

    `find` gives the URL; None, a moment without a network, leaves the last one. A certificate of our own is not made
    anew for another address: it is warned of in any case, and those who play by the old one would be cut off.
    """
    told = shown = edge.public_url
    while True:
        await asyncio.sleep(every_s)
        url = find()
        if url is None or url == shown:
            continue
        if url != told:
            log.warning("this machine has another address: viewers find the library at %s now", url)
            tell(url)
            told = url
        with suppress(OSError):  # a full disk, which others speak of: tried again
            publish_site(paths, edge.model_copy(update={"public_url": url}))
            shown = url
