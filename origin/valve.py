"""nginx's way into the folder of recordings, taken away before the disk is full.

nginx-rtmp 1.2 does not survive a full disk: it closes a file that it cannot write to and goes on using its number,
which may be another stream's file by then. A file that it cannot open it only does without, until the next part. So it
reaches the folder by a link, and the last megabytes are left for storing what lies there.
"""

from __future__ import annotations

from origin.paths import OriginPaths
from origin.rtmp_server import RtmpServer


class Valve:
    """Shut while fewer than `full_bytes` are free, and until twice as many are; 0 never shuts it.

    `shut` says that nothing more is recorded, `closed_all` that nginx has no file open any more, either.
    """

    def __init__(self, paths: OriginPaths, server: RtmpServer, full_bytes: int) -> None:
        self.shut = False
        self.closed_all = False
        self._paths = paths
        self._server = server
        self._full_bytes = full_bytes

    async def turn(self, free_bytes: int) -> None:
        """Do what so much room calls for; call it again and again. Raises OSError, TemporaryError while nginx is
        away."""
        if self.shut and free_bytes >= 2 * self._full_bytes:
            self.closed_all = False
            self._paths.make()
            self.shut = False
        elif free_bytes < self._full_bytes:
            self._paths.recordings_way.unlink(missing_ok=True)
            self.shut = True
            for name in (await self._server.stat_of_last()).of("live"):
                await self._server.stop_recording("live", name, "parts")
            self.closed_all = True
