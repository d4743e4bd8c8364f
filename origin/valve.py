"""nginx's way into the folder of recordings, taken away before the disk is full.

nginx-rtmp 1.2 does not survive a full disk: it closes a file that it cannot write to and goes on using its number,
which may be another stream's file by then. A file that it cannot open it only does without, until the next part. So it
reaches the folder by a link, and the last megabytes are left for storing what lies there.
"""

from __future__ import annotations

from origin.paths import OriginPaths
from origin.rtmp_server import RtmpServer


class Valve:
    """Shut while fewer than `full_bytes` are free, and until twice as many are; 0 never shuts it."""

    def __init__(self, paths: OriginPaths, server: RtmpServer, full_bytes: int) -> None:
        self._paths = paths
        self._server = server
        self._full_bytes = full_bytes

    @property
    def shut(self) -> bool:
        """Whether nothing more is recorded."""
        return not self._paths.recordings_way.is_symlink()

    async def turn(self, free_bytes: int) -> None:
        """Do what so much room calls for; call it again and again. Raises OSError, TemporaryError while nginx is
        away."""
        if self.shut and free_bytes >= 2 * self._full_bytes:
            self._paths.make()
        elif free_bytes < self._full_bytes:
            self._paths.recordings_way.unlink(missing_ok=True)
            for name in (await self._server.stat()).of("live"):
                await self._server.stop_recording("live", name, "parts")
