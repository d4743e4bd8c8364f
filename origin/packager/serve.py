"""The packager over HTTP, on loopback: playlists, segments, feeds. Every answer says how long it may be kept."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web

from origin.packager.packager import OwnPackager
from origin.packager.stream import PackagedStream
from panocast.feed import FILE_NAME, WAIT_S, State
from panocast.layout import STREAM_NAME
from panocast.live_hls import live_multivariant, media_playlist, rows_of

_NAME = f"{{name:{STREAM_NAME.pattern}}}"
_WIDTH = "{width:[1-9][0-9]{0,4}}"
# A playlist may change at any moment. What stands between may keep it for a second for others.
PLAYLIST_CACHING = "public, max-age=0, s-maxage=1"
# No name is ever used for anything else.
FILE_CACHING = "public, max-age=3600, immutable"
NO_CACHING = "no-store"
_PLAYLIST_TYPE = "application/vnd.apple.mpegurl"


class Site:
    """The routes below /hls/ and /feed/."""

    def __init__(self, packager: OwnPackager) -> None:
        self._packager = packager

    def routes(self) -> list[web.RouteDef]:
        """What nginx hands on for edges and the peer."""
        folder = f"/hls/{_NAME}_{_WIDTH}"
        return [
            web.get(f"/hls/{_NAME}.m3u8", self._multivariant),
            web.get(f"{folder}/index.m3u8", self._media),
            web.get(f"{folder}/{{file:{FILE_NAME.pattern}}}", self._file),
            web.get(f"/feed/{_NAME}", self._feed),
        ]

    async def _multivariant(self, request: web.Request) -> web.Response:
        stream = self._stream(request)
        if stream is None or not stream.package.rungs:
            return _missing()
        return _playlist(live_multivariant(stream.name, stream.package.rungs))

    async def _media(self, request: web.Request) -> web.Response:
        stream, width = self._stream(request), int(request.match_info["width"])
        # A rung that was shed is not there: a player must go to another one, not wait for its next segment.
        if stream is None or width not in {rung.width for rung in stream.package.rungs}:
            return _missing()
        package = stream.package
        text = media_playlist(
            rows_of(package.window.segments, width),
            target_duration_s=package.timeline.target_duration_s,
            ended=package.state is State.ENDED,
        )
        return _playlist(text) if text else _missing()

    async def _file(self, request: web.Request) -> web.Response:
        stream = self._stream(request)
        data = (
            stream.package.window.file(int(request.match_info["width"]), request.match_info["file"]) if stream else None
        )
        if data is None:
            return _missing()
        return web.Response(body=data, content_type="video/mp4", headers={"Cache-Control": FILE_CACHING})

    async def _feed(self, request: web.Request) -> web.Response:
        stream, after = self._stream(request), request.query.get("after")
        if stream:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT_S):
                    await stream.news(after)
            stream = self._stream(request)  # an encoder that came back may have begun another one meanwhile
        if stream is None:
            return _missing()
        return web.Response(
            text=stream.feed().model_dump_json(), content_type="application/json", headers={"Cache-Control": NO_CACHING}
        )

    def _stream(self, request: web.Request) -> PackagedStream | None:
        return self._packager.streams.get(request.match_info["name"])


def _playlist(text: str) -> web.Response:
    return web.Response(text=text, content_type=_PLAYLIST_TYPE, headers={"Cache-Control": PLAYLIST_CACHING})


def _missing() -> web.Response:
    return web.Response(status=404, text="not here\n", headers={"Cache-Control": NO_CACHING})
