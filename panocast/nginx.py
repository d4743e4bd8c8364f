"""Running nginx as an ordinary child: checked first, in the foreground, with its own prefix and temporary folders."""

from __future__ import annotations

import getpass
import ipaddress
import os
import signal
from pathlib import Path

from panocast.errors import UsageError
from panocast.process import Command, ProcessError, run

# What nginx itself would read as syntax, or split at.
_SYNTAX = set(" \"'\\{};$#")


def plain_path(path: Path) -> str:
    """A path as it may stand unquoted in a configuration; UsageError when nginx would read some of it as syntax."""
    text = str(path)
    if not text.isprintable() or _SYNTAX & set(text):
        raise UsageError(f"nginx cannot take the path {text!r}: use one without spaces, quotes or any of {{}};$#\\")
    return text


def listen(bind: str, port: int) -> str:
    """What `listen` takes for a port of an IP address; all of IPv6 is all of IPv4, too."""
    address = ipaddress.ip_address(bind)
    if address.version == 4:
        return f"{address}:{port}"
    return f"[{address}]:{port}" + (" ipv6only=off" if address.is_unspecified else "")


def worker_user() -> str | None:
    """What the `user` directive says: whoever starts nginx, which it wants to be told only as root."""
    return getpass.getuser() if os.geteuid() == 0 else None


def command(name: str, config: Path) -> Command:
    """nginx in the foreground with the given configuration file, whose folder is its prefix."""
    return Command(name, _argv(config), dies_by=signal.SIGTERM)


async def check(config: Path) -> None:
    """Let nginx itself judge a configuration; raises UsageError with what it says."""
    try:
        await run(Command("nginx -t", [*_argv(config), "-t", "-q"]), timeout_s=30)
    except ProcessError as error:
        said = "; ".join(line for line in error.tail if "emerg" in line) or str(error)
        raise UsageError(f"nginx refuses {config}: {said}") from error


def _argv(config: Path) -> list[str]:
    return ["nginx", "-p", str(config.parent), "-e", "stderr", "-c", str(config)]
