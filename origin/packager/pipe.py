"""Pipes from a child and to one: nobody waits for anybody."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections import deque
from collections.abc import Callable

from panocast.errors import PanocastError, TemporaryError

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
        self._read_fd, self.write_fd = _pipe()
        os.set_blocking(self._read_fd, False)
        _widen(self._read_fd)
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


class Supply:
    """A pipe that a child reads from (`read_fd`). What is written waits here until there is room in it."""

    def __init__(self) -> None:
        self.read_fd, self._write_fd = _pipe()
        os.set_blocking(self._write_fd, False)
        _widen(self._write_fd)
        self._waiting: deque[memoryview] = deque()
        self._ending = False

    def begin(self) -> None:
        """The child has its end now: let go of it here."""
        os.close(self.read_fd)
        self.read_fd = -1

    def write(self, data: bytes) -> None:
        """Send this, once there is room; for nothing where the child has ended."""
        if self._write_fd < 0:
            return
        self._waiting.append(memoryview(data))
        if len(self._waiting) == 1:
            self._send()

    def end(self) -> None:
        """Nothing more comes: the child reads an end behind what waits."""
        self._ending = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        """Let go of both ends; what waits is lost."""
        if self._write_fd >= 0:
            asyncio.get_running_loop().remove_writer(self._write_fd)
            os.close(self._write_fd)
            self._write_fd = -1
        if self.read_fd >= 0:
            os.close(self.read_fd)
            self.read_fd = -1
        self._waiting.clear()

    def _send(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                sent = os.write(self._write_fd, self._waiting[0])
                if sent < len(self._waiting[0]):
                    self._waiting[0] = self._waiting[0][sent:]
                else:
                    self._waiting.popleft()
        except BlockingIOError:
            loop.add_writer(self._write_fd, self._send)
            return
        except BrokenPipeError:
            self.close()
            return
        loop.remove_writer(self._write_fd)
        if self._ending:
            self.close()


def _pipe() -> tuple[int, int]:
    """The ends to read from and to write into. Raises TemporaryError where no descriptors are left."""
    try:
        return os.pipe2(os.O_CLOEXEC)
    except OSError as error:
        raise TemporaryError(f"cannot open a pipe to ffmpeg: {error.strerror}") from error


def _widen(fd: int) -> None:
    with contextlib.suppress(PermissionError):  # many pipes of one user: the default of 64 KB does, too
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _CAPACITY_BYTES)
