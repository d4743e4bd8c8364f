"""Ports for servers that tests start: no port is given to two of them.

They lie below those that the kernel gives to outgoing connections (32768 and up, as Linux comes), so that no connection
has taken one when its server starts, or starts again.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

_PORTS, _BLOCK = range(10_000, 32_700), 100


def free_ports(count: int) -> list[int]:
    """`count` ports on which nobody listens; this process never gives them again, another one not while it runs."""
    return [free_port() for _ in range(count)]


def free_port() -> int:
    """One such port; a RuntimeError once all are given."""
    if port := next(_given, None):
        return port
    raise RuntimeError(f"no ports are left of {_PORTS.start} to {_PORTS.stop - 1}")


def _give() -> Iterator[int]:
    """Block after block: whoever holds a block's first port has the others to himself."""
    held = []
    for first in _PORTS[::_BLOCK]:
        if holder := _bound(first):
            held.append(holder)
            for port in range(first + 1, first + _BLOCK):
                if trial := _bound(port):
                    trial.close()
                    yield port


def _bound(port: int) -> socket.socket | None:
    """A socket that has the port on all addresses, without listening; None where another one has it on any."""
    trial = socket.socket()
    with suppress(OSError):
        trial.bind(("", port))
        return trial
    trial.close()
    return None


_given = _give()
