"""Does bubblewrap work here? User namespaces may be forbidden (containers, hardened kernels), so it is tried."""

from __future__ import annotations

import functools
import logging
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from panocast.errors import RefusedError, SetupError
from panocast.fence import ENVIRONMENT, Fence, FenceMode, looking
from panocast.system import find_program

log = logging.getLogger(__name__)

TRY_TIMEOUT_S = 20.0
MEND = (
    "install bubblewrap and let it make user namespaces (Ubuntu: an AppArmor profile for bwrap, or sysctl "
    "kernel.apparmor_restrict_unprivileged_userns=0; a container: allow unshare and mount)"
)


def sandboxed(mode: FenceMode) -> bool:
    """Whether what opens foreign bytes runs in bubblewrap: tried once for each process, and said once if not.

    Raises SetupError when the setting requires it and it does not work.
    """
    if mode == "off":
        return False
    fault = _fault()
    if fault and mode == "require":
        raise SetupError(f"fence = 'require', but bubblewrap does not work here: {fault}; {MEND}")
    return fault is None


def refuse_links(folder: Path) -> None:
    """RefusedError when a program left anything but files and folders in the one it could write to: we read there with
    our own rights, and a link would lead us to what it could not reach itself."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise RefusedError(f"what opened it left {path.name[:80]!r} behind, which is no file: it was taken over")


@functools.cache
def _fault() -> str | None:
    fault = sandbox_fault()
    if fault:
        log.warning("uploads and recordings are opened without a sandbox, within limits only: %s; %s", fault, MEND)
    return fault


def sandbox_fault(find: Callable[[str], Path | None] = find_program) -> str | None:
    """Why bubblewrap cannot fence ffmpeg here, in words; None when it can. Really runs it."""
    bwrap, ffmpeg = find("bwrap"), find("ffmpeg")
    if bwrap is None or ffmpeg is None:
        return f"{'ffmpeg' if bwrap else 'bubblewrap'} is not installed"
    with tempfile.TemporaryDirectory() as folder:
        fence = Fence(looking(0), sandbox=True, folder=Path(folder))
        argv = [*fence.sandbox_argv(str(bwrap), ffmpeg), str(ffmpeg), "-hide_banner", "-version"]
        try:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=ENVIRONMENT,
                timeout=TRY_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    return None if done.returncode == 0 else done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
