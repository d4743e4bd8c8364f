"""Child processes: the one contract that every ffmpeg, nginx and service of ours runs under.

An argv list, never a shell; its own session, so its own process group and no terminal; stdin closed; the last lines of
stderr kept for the error; SIGTERM, grace, SIGKILL, to the whole group; a child dies with its parent, even with one that
is killed; what it took of the machine is known when it has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from panocast.errors import PanocastError, RefusedError, SetupError, TemporaryError
from panocast.fence import ENVIRONMENT, Fence
from panocast.logs import redact
from panocast.system import find_program

log = logging.getLogger(__name__)

TAIL_LINES = 30
LINE_LIMIT_BYTES = 1 << 20
# The most that is kept of what a program prints for us to read.
COLLECTED_BYTES = 64 << 20
# How long the end of a child's output is waited for once it is gone: somebody who left its group may hold the pipes.
DRAIN_S = 3.0
OnLine = Callable[[str], None]


class ProcessError(PanocastError):
    """A child failed: `code` as in `subprocess` (negative: the signal), `tail` the last lines of its stderr."""

    def __init__(self, message: str, code: int, tail: Sequence[str]) -> None:
        super().__init__(message)
        self.code = code
        self.tail = tuple(tail)


class LimitError(RefusedError):
    """A child was ended by a limit of its fence: another try would end the same way."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a child took, with all the children it waited for: CPU seconds (user and system), and the peak resident
    memory of its largest process in bytes. The kernel counts our own memory at the moment of the start, too: a peak is
    never below that (getrusage(2), ru_maxrss)."""

    cpu_s: float = 0.0
    peak_bytes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.cpu_s + other.cpu_s, max(self.peak_bytes, other.peak_bytes))


@dataclass(slots=True)
class Meter:
    """Adds up what children took."""

    usage: Usage = Usage()


_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextlib.contextmanager
def metered() -> Iterator[Meter]:
    """Count what all children that start within the block (and in its tasks) have taken by their end: `with metered()
    as meter` around a job, then `meter.usage.cpu_s`."""
    meter = Meter()
    token = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(token)


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. `yielding` gives way to everything else on the machine (nice 19, idle I/O).

    `grace_s` is how long a service may take to end by SIGTERM.
    `dies_by` is the signal the kernel sends when the parent is gone: SIGKILL for workhorses, SIGTERM for services
    that have children of their own to stop. `pass_fds` are descriptors of ours that the child inherits, under the same
    numbers. What opens foreign bytes runs in a `fence`.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    yielding: bool = False
    grace_s: float = 5.0
    dies_by: signal.Signals = signal.SIGKILL
    pass_fds: Sequence[int] = ()
    fence: Fence | None = None

    def full_argv(self) -> list[str]:
        """The argv with the wrappers that give it its priority, its limits and its tie to the parent."""
        sandboxed = self.fence is not None and self.fence.sandbox
        # Half put up, a sandbox does not see its parent die. `timeout` (0: never) does, and at SIGALRM, its own signal,
        # kills the process group, wherever in it the program is by then.
        dies_by = signal.SIGALRM if sandboxed else self.dies_by
        wrappers = [_find("setpriv"), "--pdeathsig", dies_by.name.removeprefix("SIG")]
        if sandboxed:
            wrappers += [_find("timeout"), "--signal=KILL", "0"]
        if self.yielding:
            wrappers += [_find("nice"), "-n", "19"]
            if ionice := find_program("ionice"):
                wrappers += [str(ionice), "-c", "3"]
        program = _find(self.argv[0])
        if self.fence:
            wrappers += self.fence.limits.argv(_find("prlimit"))
            if self.fence.sandbox:
                wrappers += self.fence.sandbox_argv(_find("bwrap"), Path(program))
        return [*wrappers, program, *self.argv[1:]]

    def full_env(self) -> dict[str, str] | None:
        """The child's whole environment; None: ours."""
        env = ENVIRONMENT if self.fence else self.env
        return None if env is None else dict(env)


def _find(program: str) -> str:
    path = find_program(program)
    if path is None:
        raise SetupError(f"{program} is not installed: run `make install` (or `panocast doctor` to see what else)")
    return str(path)


class Child:
    """One running child. `start`, then `wait` or `stop`; `tail` holds its last lines of stderr, keys blanked; `usage`
    is what it took, known once it has ended."""

    def __init__(self, command: Command, *, on_stdout: OnLine | None = None, on_stderr: OnLine | None = None) -> None:
        self.command = command
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.usage = Usage()
        self._on_stdout = on_stdout
        self._on_stderr = on_stderr
        # Not asyncio's own subprocesses: they hand out the exit code, and nothing of what the child took.
        self._process: subprocess.Popen[bytes] | None = None
        self._reaped: asyncio.Task[int] | None = None
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
        """Start the child; raises SetupError when its program is missing, TemporaryError when it cannot start."""
        argv = self.command.full_argv()
        try:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - as asyncio does it: back as soon as the program runs
                argv,
                bufsize=0,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self.command.full_env(),
                cwd=self.command.cwd,
                start_new_session=True,
                pass_fds=tuple(self.command.pass_fds),
            )
        except OSError as error:
            raise TemporaryError(f"cannot start {self.command.name}: {error.strerror}") from error
        if self.command.yielding:
            _yield_to_sessions(self._process.pid)
        # At once: later there may be no descriptor left to watch it by.
        self._reaped = asyncio.create_task(self._reap(self._process, self._end_of(self._process)))
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            asyncio.create_task(_read_lines(self._process.stdout, self._take_stdout)),
            asyncio.create_task(_read_lines(self._process.stderr, self._take_stderr)),
        ]

    async def wait(self) -> int:
        """Wait for the end; what the child left of its process group is ended too. Gives the exit code."""
        assert self._reaped is not None, "start() first"
        code = await asyncio.shield(self._reaped)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await asyncio.gather(*self._readers, return_exceptions=True)
        return code

    async def stop(self, grace_s: float = 5.0, *, by: signal.Signals = signal.SIGTERM) -> int:
        """End the child's process group: `by`, then SIGKILL after `grace_s` seconds. Gives the exit code."""
        assert self._reaped is not None, "start() first"
        self._signal(by)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await asyncio.shield(self._reaped)
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

    def _end_of(self, process: subprocess.Popen[bytes]) -> int:
        """A descriptor that can be read from once the child has ended; a child that has none is ended at once."""
        try:
            return os.pidfd_open(process.pid)
        except OSError as error:
            self.kill()
            process.communicate()
            raise TemporaryError(f"cannot watch {self.command.name}: {error.strerror}") from error

    async def _reap(self, process: subprocess.Popen[bytes], end: int) -> int:
        await _ended(end)
        self._signal(signal.SIGKILL)  # what is left of its group; the id is its own until the next line
        _, status, used = os.wait4(process.pid, 0)  # noqa: ASYNC222 - it has ended
        process.returncode = os.waitstatus_to_exitcode(status)
        self.usage = Usage(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
        if meter := _meter.get():
            meter.usage += self.usage
        return process.returncode

    def _signal(self, number: signal.Signals) -> None:
        """Signal the process group, while it is known to be ours."""
        assert self._process is not None
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def _yield_to_sessions(pid: int) -> None:
    """Linux may share its processor among sessions first (autogroups): there `nice` counts within one's own only."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("19")


async def _ended(descriptor: int) -> None:
    """Wait for the end of the child that this is a descriptor of, and leave it to be reaped."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(descriptor, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _read_lines(pipe: IO[bytes], take: OnLine) -> None:
    """Hand on each line until the pipe ends; ffmpeg also ends lines with CR. A line past the limit is passed over, not
    fatal."""
    stream = asyncio.StreamReader(limit=LINE_LIMIT_BYTES)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
    try:
        while True:
            try:
                raw = await stream.readline()
            except ValueError:
                continue
            if not raw:
                return
            for line in raw.decode("utf-8", "replace").replace("\r", "\n").splitlines():
                take(line)
    finally:
        transport.close()


async def run(
    command: Command,
    *,
    timeout_s: float | None = None,
    on_stdout: OnLine | None = None,
    on_stderr: OnLine | None = None,
) -> list[str]:
    """Run a command to its end and give its lines of stdout (those `on_stdout` takes are not collected).

    Raises ProcessError when it fails, LimitError when its fence's limits ended it, TemporaryError when it takes longer
    than `timeout_s`; a cancelled call ends it.
    """
    lines: list[str] = []
    room = COLLECTED_BYTES

    def collect(line: str) -> None:
        nonlocal room
        room -= len(line) + 1
        if room >= 0:
            lines.append(line)

    child = Child(command, on_stdout=on_stdout or collect, on_stderr=on_stderr)
    await child.start()
    try:
        async with asyncio.timeout(timeout_s):
            code = await child.wait()
    except TimeoutError as error:
        raise TemporaryError(f"{command.name} took longer than {timeout_s:.0f} s") from error
    finally:
        await asyncio.shield(child.stop(grace_s=0.5))
    if code != 0:
        if fence := command.fence:
            if fault := fence.fault(child.tail):
                raise TemporaryError(f"{command.name} could not be fenced in: {fault}")
            if limit := fence.limits.exceeded(code, child.usage.cpu_s, child.tail):
                raise LimitError(f"{command.name} was stopped: {limit}")
        raise ProcessError(child.failure(code), code, child.tail)
    return lines
