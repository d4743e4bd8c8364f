"""Every stream that is published here, kept as it should be: what runs is compared with what nginx says."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from origin.journal import Journal, SessionRecord
from origin.live import LiveStream, NewestRecording
from origin.push import Push
from origin.refusals import Refusals
from origin.rtmp_server import RtmpServer
from origin.show import Client, Packager
from origin.stat import Published, Stat
from panocast.errors import RefusedError, TemporaryError
from panocast.hls import parse_media_playlist
from panocast.layout import is_stream_name

log = logging.getLogger(__name__)

STALE_S = 2.0
EXPECT_S = 2.0


class Streams:
    """The live streams that run and the test streams that pass through; call `reconcile` often."""

    def __init__(
        self,
        server: RtmpServer,
        journal: Journal,
        packager: Packager,
        newest_recording: NewestRecording,
        refusals: Refusals,
        testhls: Path,
        push: Push | None = None,
    ) -> None:
        self.live: dict[str, LiveStream] = {}
        self.tests: dict[str, Published] = {}
        self._clients: dict[str, Client] = {}
        self._expected_until = 0.0
        self._server = server
        self._journal = journal
        self._packager = packager
        self._newest_recording = newest_recording
        self._refusals = refusals
        self._testhls = testhls
        self._push = push

    async def expect(self, app: str, name: str, client: int) -> None:
        """A publisher is let in: nginx shows it in a moment."""
        self._expected_until = time.monotonic() + EXPECT_S
        if app == "live":
            await self._packager.expect(name, client)

    @property
    def starting(self) -> bool:
        """Whether a stream is about to begin, or not playable yet: a moment to look often."""
        return time.monotonic() < self._expected_until or any(not stream.playable for stream in self.live.values())

    async def reconcile(self, stat: Stat) -> None:
        """Bring what runs in line with what is published."""
        live = {name: seen for name, seen in stat.of("live").items() if is_stream_name(name)}
        for name in list(self.live):
            if name not in live or self._clients[name] != (stat.pid, live[name].client):
                await self._end(name)
        for name, seen in live.items():
            if name not in self.live:
                self._begin(name, seen, stat.pid)
        await asyncio.gather(*(self._step(stream, live[name], stat) for name, stream in list(self.live.items())))
        await self._packager.tidy(set(live), stat)
        if self._push:
            self._push.reconcile(self._clients)
        self._reconcile_tests(stat)

    def _begin(self, name: str, seen: Published, pid: int) -> None:
        record = session_of(self._journal, name, (pid, seen.client), seen.age_s)
        client = self._clients[name] = (pid, seen.client)
        self.live[name] = LiveStream(name, client, record.started, self._packager, self._newest_recording)
        log.info("%s: published, session %s", name, record.session)

    async def _end(self, name: str) -> None:
        log.info("%s: ended", name)
        stream = self.live.pop(name)
        del self._clients[name]
        await stream.stop()

    async def _step(self, stream: LiveStream, seen: Published, stat: Stat) -> None:
        try:
            await stream.step(seen, stat)
        except RefusedError as error:
            if self._refusals.add(stream.name, str(error)):
                log.warning("%s: refused: %s", stream.name, error)
            await stream.stop()
            with contextlib.suppress(TemporaryError):  # at the next look it is refused again
                await self._server.drop_publisher("live", stream.name, seen.client)
        except OSError as error:
            log.error("%s: %s", stream.name, error)

    def _reconcile_tests(self, stat: Stat) -> None:
        """Test streams are playable as soon as nginx has cut a segment; those that ended leave nothing behind."""
        tests = {name: seen for name, seen in stat.of("qa").items() if is_stream_name(name)}
        self.tests = {name: seen for name, seen in tests.items() if has_segment(self._testhls / f"{name}.m3u8")}
        for path in self._testhls.iterdir():
            name = path.stem.rpartition("-")[0] if path.suffix == ".ts" else path.stem
            # A stream may have begun since nginx was asked: what is fresh stays.
            with contextlib.suppress(FileNotFoundError):  # nginx cleans up, too
                if name not in tests and time.time() - path.stat().st_mtime > STALE_S:
                    path.unlink()

    async def stop(self) -> None:
        """End every ladder: an agent that starts again begins anew, or goes on with what is there."""
        if self._push:
            await self._push.stop()
        await self._packager.close()
        await asyncio.gather(*(stream.stop() for stream in self.live.values()))


def session_of(journal: Journal, name: str, client: Client, age_s: float) -> SessionRecord:
    """The session of a publish; one that the journal does not know goes on with the last one, or begins one."""
    for record in reversed(journal.sessions().get(name, [])):  # nginx counts the same numbers again after a restart
        if (record.nginx_pid, record.client) == client:
            return record
    return journal.resume(name, *client) or journal.begin(name, *client, datetime.now(UTC) - timedelta(seconds=age_s))


def has_segment(playlist: Path) -> bool:
    """Whether a media playlist names a segment."""
    try:
        return bool(parse_media_playlist(playlist.read_text()).segments)
    except (OSError, UnicodeDecodeError):
        return False


async def watch(
    server: RtmpServer, streams: Streams, woken: asyncio.Event, *, busy_s: float = 0.1, idle_s: float = 1.0
) -> None:
    """Reconcile for ever: at every hook, and now and then without."""
    away = False
    while True:
        woken.clear()
        try:
            await streams.reconcile(await server.stat())
            away = False
        except TemporaryError as error:
            if not away:
                log.warning("%s", error)
            away = True
        except Exception:  # the top of a loop that nothing may end
            log.exception("streams could not be looked after")
        try:
            async with asyncio.timeout(busy_s if streams.starting else idle_s):
                await woken.wait()
        except TimeoutError:
            continue
