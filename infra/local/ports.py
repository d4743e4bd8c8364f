"""TCP ports and addresses of this machine."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from itertools import islice

LOOPBACK = "127.0.0.1"
# Below those that Linux gives to outgoing connections: none of these takes the port of a service that starts again.
_PORTS = range(24_000, 32_768)


def free_ports(count: int) -> list[int]:
    """`count` different ports that nothing listens on at the moment, on loopback."""
    return list(islice(filter(_is_free, random.sample(_PORTS, len(_PORTS))), count))


def _is_free(port: int) -> bool:
    with socket.socket() as trial, suppress(OSError):
        trial.bind((LOOPBACK, port))
        return True
    return False


def accepts(port: int) -> bool:
    """Whether something on this machine accepts connections on `port`."""
    with socket.socket() as trial:
        trial.settimeout(0.5)
        return trial.connect_ex(("127.0.0.1", port)) == 0


def lan_address() -> str:
    """This machine's address in its local network, for a phone or an encoder to use; loopback where there is none.

    Connecting a datagram socket sends nothing: it only asks the routing table.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect(("192.0.2.1", 9))
        except OSError:
            return LOOPBACK
        return str(trial.getsockname()[0])
