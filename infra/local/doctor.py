"""Is this machine fit to run panocast? One check per need, each with the mend for when it fails.

Nothing is changed and nothing is printed here; `panocast doctor` shows the list.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from panocast.errors import PanocastError
from panocast.sandbox import MEND, sandbox_fault
from panocast.system import find_program, rtmp_module, stream_module
from panocast.testcard import find_fonts

INSTALL = "run: make install"
PYTHON_MIN = (3, 11)
NGINX_MIN = (1, 18)
FFMPEG_MIN = (5, 0)
ENCODERS = ("libx264", "aac")
FILTERS = ("drawtext", "scale", "v360")
DISK_LOW_BYTES = 10 << 30
DISK_MIN_BYTES = 1 << 30

Status = Literal["ok", "warn", "fail"]
Version = tuple[int, ...]
Runner = Callable[[Sequence[str]], str]
"""Runs an argv and gives what it printed; raises OSError when it cannot."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report; `mend` says what to do when it is not ok, `needed` whether panocast can do
    without."""

    name: str
    ok: bool
    detail: str
    mend: str = ""
    needed: bool = True

    @property
    def status(self) -> Status:
        """How the line is marked."""
        return "ok" if self.ok else "fail" if self.needed else "warn"


def checks(
    state: Path,
    ports: Sequence[tuple[str, int]],
    player_vendor: Path,
    *,
    run: Runner | None = None,
    find: Callable[[str], Path | None] = find_program,
) -> list[Check]:
    """Every check, in the order in which to mend. `ports` are (what for, TCP port) that must be free, `player_vendor`
    is where the player's libraries are installed."""
    run = run or run_program
    return [
        check_python(sys.version_info[:3]),
        check_program("nginx", ["-v"], NGINX_MIN, run, find),
        check_module("nginx-rtmp module", rtmp_module()),
        check_module("nginx stream module", stream_module()),
        check_program("ffmpeg", ["-version"], FFMPEG_MIN, run, find),
        check_program("ffprobe", ["-version"], FFMPEG_MIN, run, find),
        *check_ffmpeg_parts(run, find),
        *[check_present(name, find) for name in ("setpriv", "nice", "prlimit")],
        check_present("ionice", find, needed=False, mend="VOD work yields in CPU only; " + INSTALL),
        check_fence(sandbox_fault(find)),
        check_fonts(),
        check_player(player_vendor),
        check_writable(state),
        check_disk(state),
        *[check_port(name, port) for name, port in ports],
    ]


def run_program(argv: Sequence[str], timeout_s: float = 10) -> str:
    """Run a short command and give its stdout and stderr; raises OSError when it cannot run or takes too long."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{argv[0]} did not answer within {timeout_s:g} s") from error
    return done.stdout + done.stderr


# ------------------------------------------------------------------------------------------------------- programs


def parse_version(text: str) -> Version | None:
    """The version in the first line of what a program says of itself; None for builds without a number (git)."""
    found = re.search(r"(?:version:? |nginx/)n?(?:nginx/)?(\d+(?:\.\d+)+)", text.partition("\n")[0])
    return tuple(int(part) for part in found[1].split(".")) if found else None


def dotted(version: Sequence[int]) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))


def check_python(version: Sequence[int]) -> Check:
    """Is this Python new enough?"""
    return Check(
        "python",
        tuple(version[:2]) >= PYTHON_MIN,
        f"{dotted(version)} ({dotted(PYTHON_MIN)} or newer needed)",
        f"install Python {dotted(PYTHON_MIN)} or newer, delete .venv, then {INSTALL}",
    )


def check_program(
    name: str, argv: Sequence[str], least: Version, run: Runner, find: Callable[[str], Path | None]
) -> Check:
    """Is a program there, and new enough? One that does not tell its version is taken at its word."""
    path = find(name)
    if path is None:
        return Check(name, False, "not installed", INSTALL)
    try:
        version = parse_version(run([str(path), *argv]))
    except OSError as error:
        return Check(name, False, f"{path} does not run: {error}", f"reinstall {name}")
    if version is None:
        return Check(name, True, f"{path}, a build without a version number")
    detail = f"{dotted(version)} ({path}; {dotted(least)} or newer needed)"
    return Check(name, version >= least, detail, f"install {name} {dotted(least)} or newer")


def check_present(name: str, find: Callable[[str], Path | None], *, needed: bool = True, mend: str = INSTALL) -> Check:
    """Is a program there at all?"""
    path = find(name)
    return Check(name, path is not None, str(path or "not installed"), mend, needed)


def check_fence(fault: str | None) -> Check:
    """Can what opens uploads and recordings be fenced in? `fault` says why not."""
    detail = f"uploads are opened without a sandbox, within limits only: {fault}" if fault else "bubblewrap works"
    return Check("bwrap", fault is None, detail, MEND, needed=False)


def check_module(name: str, path: Path | None) -> Check:
    """Has nginx what it takes RTMP in with?"""
    return Check(name, path is not None, str(path or "not installed"), INSTALL)


def check_ffmpeg_parts(run: Runner, find: Callable[[str], Path | None]) -> list[Check]:
    """Was ffmpeg built with the encoders and filters that panocast uses? Empty when there is no ffmpeg to ask."""
    ffmpeg = find("ffmpeg")
    if ffmpeg is None:
        return []
    return [_check_list(run, ffmpeg, kind, needed) for kind, needed in (("encoders", ENCODERS), ("filters", FILTERS))]


def _check_list(run: Runner, ffmpeg: Path, kind: str, needed: Sequence[str]) -> Check:
    name = f"ffmpeg {kind}"
    try:
        lines = run([str(ffmpeg), "-hide_banner", f"-{kind}"]).splitlines()
    except OSError as error:
        return Check(name, False, str(error), "reinstall ffmpeg")
    there = {words[1] for line in lines if len(words := line.split()) > 1}
    missing = [part for part in needed if part not in there]
    detail = f"{', '.join(needed)}" if not missing else f"built without {', '.join(missing)}"
    return Check(name, not missing, detail, "install an ffmpeg that has them, as Debian's has")


# ---------------------------------------------------------------------------------------------------------- files


def check_fonts() -> Check:
    """Can the test card be lettered?"""
    try:
        return Check("fonts", True, str(find_fonts().bold.parent))
    except PanocastError as error:
        return Check("fonts", False, str(error), INSTALL)


def check_player(vendor: Path) -> Check:
    """Are the player's libraries installed?"""
    ok = vendor.is_dir() and any(vendor.iterdir())
    return Check("player", ok, str(vendor) if ok else f"{vendor} is missing or empty", INSTALL)


def check_writable(state: Path) -> Check:
    """Can the state directory be written, or made if it does not exist yet?"""
    folder = _nearest(state)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check(
            "state directory", False, f"{folder}: {error.strerror}", "choose another with --state, or change its owner"
        )
    return Check("state directory", True, f"{state}" if folder == state else f"{state} (will be made)")


def check_disk(state: Path) -> Check:
    """Is there room for recordings? Below `DISK_LOW_BYTES` a warning, below `DISK_MIN_BYTES` a failure."""
    return disk_check(shutil.disk_usage(_nearest(state)).free, state)


def disk_check(free_bytes: int, state: Path) -> Check:
    """The disk's check for a given amount of free space."""
    return Check(
        "disk",
        free_bytes >= DISK_LOW_BYTES,
        f"{free_bytes / 1e9:.1f} GB free at {state}",
        "an hour of 4K takes about 10 GB, recording and VOD together: make room, or choose another --state",
        needed=free_bytes < DISK_MIN_BYTES,
    )


def _nearest(folder: Path) -> Path:
    """The folder itself or the nearest one above it that exists."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


# ---------------------------------------------------------------------------------------------------------- ports


def check_port(name: str, port: int, address: str = "0.0.0.0") -> Check:
    """Can a server listen on this TCP port of an address, or of all?"""
    label = f"port {port} ({name})"
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            # As servers do: what is left of closed connections does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except PermissionError:
        return Check(label, False, "needs root", "choose a port above 1023")
    except OSError as error:
        holder = port_holder(port)
        detail = f"in use by {holder}" if holder else f"in use ({error.strerror})"
        return Check(label, False, detail, "stop what uses it, or choose another port")
    return Check(label, True, "free")


def port_holder(port: int, proc: Path = Path("/proc")) -> str | None:
    """Who listens on a TCP port, as `nginx (pid 17)`; None when that is not ours to see."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port, proc)}
    if not sockets:
        return None
    for link in proc.glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) in sockets:
                process = link.parent.parent
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue  # the process ended meanwhile, or belongs to somebody else
    return None


def _listening_inodes(port: int, proc: Path) -> list[str]:
    """Socket inodes from /proc/net/tcp and tcp6 (proc(5)): field 1 is the local address, 3 the state, 9 the inode."""
    inodes = []
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[1].endswith(f":{port:04X}") and fields[3] == "0A":
                inodes.append(fields[9])
    return inodes
