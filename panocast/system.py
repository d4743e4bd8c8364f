"""Finding what the operating system brings along."""

from __future__ import annotations

import os
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
