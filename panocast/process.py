"""Child processes: the one contract that every ffmpeg, nginx and service of ours runs under.

An argv list, never a shell; its own process group; stdin closed; the last lines of stderr kept for the error; SIGTERM,
grace, SIGKILL, to the whole group; a child dies with its parent, even with one that is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from panocast.errors import PanocastError, TemporaryError, UsageError
from panocast.logs import redact
from panocast.system import find_program

log = logging.getLogger(__name__)

TAIL_LINES = 30
LINE_LIMIT_BYTES = 1 << 20
OnLine = Callable[[str], None]


class ProcessError(PanocastError):
    """A child failed: `code` as in `subprocess` (negative: the signal), `tail` the last lines of its stderr."""

    def __init__(self, message: str, code: int, tail: Sequence[str]) -> None:
        super().__init__(message)
        self.code = code
        self.tail = tuple(tail)


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. `yielding` gives way to everything else on the machine (nice 19, idle I/O).

    `dies_by` is the signal the kernel sends when the parent is gone: SIGKILL for workhorses, SIGTERM for services
    that have children of their own to stop.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    yielding: bool = False
    dies_by: signal.Signals = signal.SIGKILL

    def full_argv(self) -> list[str]:
        """The argv with the wrappers that give it its priority and its tie to the parent."""
        wrappers = [_find("setpriv"), "--pdeathsig", self.dies_by.name.removeprefix("SIG")]
        if self.yielding:
            wrappers += [_find("nice"), "-n", "19"]
            if ionice := find_program("ionice"):
                wrappers += [str(ionice), "-c", "3"]
        return [*wrappers, _find(self.argv[0]), *self.argv[1:]]


def _find(program: str) -> str:
    path = find_program(program)
    if path is None:
        raise UsageError(f"{program} is not installed: run `make install` (or `panocast doctor` to see what else)")
    return str(path)


class Child:
    """One running child. `start`, then `wait` or `stop`; `tail` holds its last lines of stderr, keys blanked."""

    def __init__(self, command: Command, *, on_stdout: OnLine | None = None, on_stderr: OnLine | None = None) -> None:
        self.command = command
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._on_stdout = on_stdout
        self._on_stderr = on_stderr
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int | None:
        """The process id once started."""
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """The exit code once it has ended, negative for a signal."""
        return self._process.returncode if self._process else None

    async def start(self) -> None:
        """Start the child; raises UsageError when its program is missing, TemporaryError when it cannot start."""
        argv = self.command.full_argv()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=dict(self.command.env) if self.command.env is not None else None,
                cwd=self.command.cwd,
                process_group=0,
                limit=LINE_LIMIT_BYTES,
            )
        except OSError as error:
            raise TemporaryError(f"cannot start {self.command.name}: {error.strerror}") from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            asyncio.create_task(_read_lines(self._process.stdout, self._take_stdout)),
            asyncio.create_task(_read_lines(self._process.stderr, self._take_stderr)),
        ]

    async def wait(self) -> int:
        """Wait for the end; what the child left of its process group is ended too. Gives the exit code."""
        assert self._process is not None, "start() first"
        await _ended(self._process.pid)
        self._signal(signal.SIGKILL)
        code = await self._process.wait()
        await asyncio.gather(*self._readers, return_exceptions=True)
        return code

    async def stop(self, grace_s: float = 5.0, *, by: signal.Signals = signal.SIGTERM) -> int:
        """End the child's process group: `by`, then SIGKILL after `grace_s` seconds. Gives the exit code."""
        assert self._process is not None, "start() first"
        if self._process.returncode is None:
            self._signal(by)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await _ended(self._process.pid)
        self._signal(signal.SIGKILL)
        return await self.wait()

    def kill(self) -> None:
        """End the child's process group at once."""
        self._signal(signal.SIGKILL)

    def failure(self, code: int) -> str:
        """How the child ended, in words, with the last thing it said."""
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
        last = next((line for line in reversed(self.tail) if line.strip()), "")
        return f"{self.command.name} {how}" + (f": {last}" if last else "")

    def _take_stdout(self, line: str) -> None:
        if self._on_stdout:
            self._on_stdout(line)

    def _take_stderr(self, line: str) -> None:
        line = redact(line)
        self.tail.append(line)
        if self._on_stderr:
            self._on_stderr(line)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


async def _ended(pid: int) -> None:
    """Wait for the end of this one process. asyncio's own `wait` also waits for everybody who holds its pipes, so that
    a killed nginx master would seem to live as long as its orphaned workers do."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _read_lines(stream: asyncio.StreamReader, take: OnLine) -> None:
    """Hand on each line; ffmpeg also ends lines with CR. A line past the limit is passed over, not fatal."""
    while True:
        try:
            raw = await stream.readline()
        except ValueError:
            continue
        if not raw:
            return
        for line in raw.decode("utf-8", "replace").replace("\r", "\n").splitlines():
            take(line)


async def run(command: Command, *, timeout_s: float | None = None, on_stdout: OnLine | None = None) -> list[str]:
    """Run a command to its end and give its lines of stdout (those `on_stdout` takes are not collected).

    Raises ProcessError when it fails, TemporaryError when it takes longer than `timeout_s`; a cancelled call ends it.
    """
    lines: list[str] = []
    child = Child(command, on_stdout=on_stdout or lines.append)
    await child.start()
    try:
        async with asyncio.timeout(timeout_s):
            code = await child.wait()
    except TimeoutError as error:
        raise TemporaryError(f"{command.name} took longer than {timeout_s:.0f} s") from error
    finally:
        await asyncio.shield(child.stop(grace_s=0.5))
    if code != 0:
        raise ProcessError(child.failure(code), code, child.tail)
    return lines


@dataclass(slots=True)
class Backoff:
    """Pauses between restarts, in seconds: doubling from `first_s` to `most_s`, from the start again after a run of
    `steady_s`."""

    first_s: float = 0.5
    most_s: float = 10.0
    steady_s: float = 30.0
    _next_s: float = field(default=0.0, init=False)

    def pause(self, ran_s: float) -> float:
        """The pause before the next start, after a run of `ran_s` seconds."""
        if ran_s >= self.steady_s or self._next_s == 0.0:
            self._next_s = self.first_s
        pause_s = self._next_s
        self._next_s = min(self._next_s * 2, self.most_s)
        return pause_s


class Service:
    """Keeps a command running until cancelled: restarts it with backoff and remembers why it last ended."""

    def __init__(
        self,
        command: Command,
        *,
        backoff: Backoff | None = None,
        grace_s: float = 5.0,
        stop_by: signal.Signals = signal.SIGTERM,
        on_stdout: OnLine | None = None,
        on_stderr: OnLine | None = None,
    ) -> None:
        self.command = command
        self.child: Child | None = None
        self.starts = 0
        self.last_error: str | None = None
        self._backoff = backoff or Backoff()
        self._grace_s = grace_s
        self._stop_by = stop_by
        self._on_stdout = on_stdout
        self._on_stderr = on_stderr

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.child.pid if self.child else None

    def kill(self) -> None:
        """End the child at once, for one that no longer answers; `run` starts it again."""
        if self.child:
            self.child.kill()

    async def run(self) -> None:
        """Start, wait, pause, start again; ends only by cancellation (then the child is stopped) or a UsageError."""
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            await self._run_once()
            pause_s = self._backoff.pause(clock() - begun)
            log.warning("%s; starting it again in %.1f s", self.last_error, pause_s)
            await asyncio.sleep(pause_s)

    async def _run_once(self) -> None:
        child = Child(self.command, on_stdout=self._on_stdout, on_stderr=self._on_stderr)
        try:
            await child.start()
        except TemporaryError as error:
            self.last_error = str(error)
            return
        self.child = child
        self.starts += 1
        try:
            code = await child.wait()
            self.last_error = child.failure(code) if code else f"{self.command.name} ended"
        finally:
            self.child = None
            await asyncio.shield(child.stop(self._grace_s, by=self._stop_by))
