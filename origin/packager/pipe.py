"""Pipes from a child: read as soon as there is something, so that nobody waits for anybody."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable

from panocast.errors import PanocastError

# A keyframe of 4K goes through at once. The most that an ordinary user may ask for (pipe(7)).
_CAPACITY_BYTES = 1 << 20
_READ_BYTES = 1 << 18


class Pipe:
    """A pipe that a child writes into (`write_fd`); what comes is handed to `take`, the end to `ended`.

    Where `take` refuses what came with a PanocastError, it is kept as `error` and the pipe closed: a child that goes on
    writing ends by that.
    """

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._read_fd, self.write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read_fd, False)
        with contextlib.suppress(PermissionError):  # many pipes of one user: the default of 64 KB does, too
            fcntl.fcntl(self._read_fd, fcntl.F_SETPIPE_SZ, _CAPACITY_BYTES)
        self._over = asyncio.Event()
        self.error: PanocastError | None = None

    def begin(self) -> None:
        """The child has its end now: let go of it here, and read."""
        os.close(self.write_fd)
        self.write_fd = -1
        asyncio.get_running_loop().add_reader(self._read_fd, self._readable)

    async def ended(self) -> None:
        """Wait until everything was read."""
        await self._over.wait()

    def close(self) -> None:
        """Let go of both ends, whatever may still come."""
        if not self._over.is_set():
            self._over.set()
            asyncio.get_running_loop().remove_reader(self._read_fd)
            os.close(self._read_fd)
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1

    def _readable(self) -> None:
        try:
            data = os.read(self._read_fd, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self.close()
            return
        try:
            self._take(data)
        except PanocastError as error:
            self.error = error
            self.close()
