"""Finding what the operating system brings along."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Sequence
from pathlib import Path

RTMP_MODULE = "ngx_rtmp_module.so"
STREAM_MODULE = "ngx_stream_module.so"
MODULE_DIRS = (
    Path("/usr/lib/nginx/modules"),  # Debian, Ubuntu; also where nginx.org's packages look
    Path("/usr/lib64/nginx/modules"),  # Fedora
    Path("/etc/nginx/modules"),  # often a link to one of the above
)


# Beyond this a process has other troubles.
_MOST_FILES = 65_536


def allow_many_files() -> None:
    """Let this process, and what it starts, have as many files and connections open as the system lets it: shells and
    systemd begin with 1,024, which a thousand viewers who wait for a stream exceed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def find_program(name: str) -> Path | None:
    """The path of a program, also where an ordinary user's PATH does not look (Debian: nginx is in /usr/sbin)."""
    found = shutil.which(
        name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    )
    return Path(found) if found else None


def rtmp_module(folders: Sequence[Path] = MODULE_DIRS) -> Path | None:
    """The nginx-rtmp module to name in `load_module`, or None when it is not installed."""
    return _module(RTMP_MODULE, folders)


def stream_module(folders: Sequence[Path] = MODULE_DIRS) -> Path | None:
    """nginx's stream module to name in `load_module`; None also where nginx has it built in (nginx.org's packages)."""
    return _module(STREAM_MODULE, folders)


def _module(name: str, folders: Sequence[Path]) -> Path | None:
    return next((path for folder in folders if (path := folder / name).is_file()), None)
