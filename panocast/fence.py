"""The fence around programs that open foreign bytes: limits always, bubblewrap where it works. Values to argv; nothing
runs here.

Inside, a program sees the system's programs and libraries, what it was given to read and the one folder it was given to
write to. There is no network, no process but its own, no /proc, no /tmp, nothing of our environment.
Limits: setrlimit(2). Control groups would count memory better, but are not an ordinary user's to make.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FenceMode = Literal["auto", "require", "off"]

# All that ffmpeg needs. Whatever we were given (credentials among it) stays outside.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}

# Programs and libraries; alternatives are links that Debian's BLAS, and through it ffmpeg, is found by.
_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")
# The stacks of a hundred encoder threads count as memory; none of them needs more than this.
_STACK_BYTES = 2 << 20
# What ffmpeg and its libraries say when an allocation fails, in the order of how sure it is.
_NO_MEMORY = ("Cannot allocate memory", "malloc of size", "Out of memory", "bad_alloc")
_TOO_LARGE = "File too large"
# Whoever puts up the fence says so when it cannot.
_BUILDERS = ("bwrap: ", "prlimit: ")
# A demuxer that may not add a track says that it has no memory.
_TOO_MANY = "exceeds max_streams"


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one program may take: seconds of CPU, bytes of memory of its own (RLIMIT_DATA: what it allocates,
    not the libraries it shares), bytes that it writes (each file, and where its folder is watched, all of them)."""

    cpu_s: int
    memory_bytes: int
    output_bytes: int

    def argv(self, prlimit: str) -> list[str]:
        """What stands before the program's own argv."""
        return [
            prlimit,
            f"--cpu={self.cpu_s}:{self.cpu_s}",
            f"--data={self.memory_bytes}:{self.memory_bytes}",
            f"--fsize={self.output_bytes}:{self.output_bytes}",
            f"--stack={_STACK_BYTES}:",
            "--core=0:0",
        ]

    @property
    def too_much_output(self) -> str:
        """What is said of a program that wrote more than it may."""
        return f"it writes more than {in_mb(self.output_bytes)}"

    def exceeded(self, code: int, cpu_s: float, said: Sequence[str]) -> str | None:
        """Which limit ended a program, in words, or None; its exit code, CPU seconds and last lines tell."""
        # Bubblewrap reports a death by signal as a shell does.
        ended_by = -code if code < 0 else code - 128
        if ended_by in (signal.SIGKILL, signal.SIGXCPU) and cpu_s >= self.cpu_s - 1:
            return f"it took more than {self.cpu_s} CPU seconds"
        if ended_by == signal.SIGXFSZ or any(_TOO_LARGE in line for line in said):
            return self.too_much_output
        if any(_TOO_MANY in line for line in said):
            return "it has more tracks than are taken"
        if any(words in line for line in said for words in _NO_MEMORY):
            return f"it needs more than {in_mb(self.memory_bytes)} of memory"
        return None


@dataclass(frozen=True, slots=True)
class Fence:
    """How one program is kept in: `limits` always; where `sandbox`, it can write to `folder` alone (its working
    directory) and read that, `reads` and the system."""

    limits: Limits
    sandbox: bool
    folder: Path | None = None
    reads: Sequence[Path] = ()

    @staticmethod
    def fault(said: Sequence[str]) -> str | None:
        """Why the fence itself could not be put up, or None when it could: the program's failure is its own then."""
        return next((line for line in said if line.startswith(_BUILDERS)), None)

    def sandbox_argv(self, bwrap: str, program: Path) -> list[str]:
        """What stands before the program's own argv."""
        argv = [bwrap, "--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]
        # Its exit code and what it took come straight to us, not through a process of bubblewrap's own.
        argv += ["--as-pid-1"]
        for shared in (*_SYSTEM, *_beside(program)):
            argv += ["--ro-bind-try", shared, shared]
        # Read-only, too: /dev/shm is memory that no limit counts.
        argv += ["--dev", "/dev", "--remount-ro", "/dev"]
        for path in self.reads:
            argv += ["--ro-bind", str(path), str(path)]
        if self.folder:
            argv += ["--bind", str(self.folder), str(self.folder)]
        return [*argv, "--chdir", str(self.folder or "/"), "--remount-ro", "/", "--"]


def _beside(program: Path) -> list[str]:
    """What a program that was not installed by the system brings along: itself, and the libraries of its prefix."""
    if program.is_relative_to("/usr"):
        return []
    libraries = [program.parent.with_name("lib")] if program.parent.name == "bin" else []
    return [str(path) for path in (program, *libraries)]


def in_mb(size: int) -> str:
    """A size for people."""
    return f"{size / 1e6:.0f} MB"


def copying(size_bytes: int) -> Limits:
    """Limits for taking a file of `size_bytes` apart and putting it together again, without decoding pictures."""
    return Limits(
        cpu_s=60 + size_bytes // 5_000_000,
        # A demuxer keeps an index of all packets: 24 bytes each, twice while it grows.
        memory_bytes=(1 << 30) + size_bytes // 4,
        output_bytes=(64 << 20) + 2 * size_bytes,
    )


def looking(size_bytes: int) -> Limits:
    """Limits for reading the index of a file and decoding its first few frames, on one thread; it writes nothing."""
    return Limits(
        cpu_s=30 + size_bytes // 50_000_000, memory_bytes=copying(size_bytes).memory_bytes, output_bytes=1 << 20
    )
