"""TCP ports and addresses of this machine."""

from __future__ import annotations

import ipaddress
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


def accepts(port: int, address: str = LOOPBACK) -> bool:
    """Whether something on this machine accepts connections on `port`."""
    with suppress(OSError), socket.create_connection((address, port), timeout=0.5):
        return True
    return False


def is_own(address: str) -> bool:
    """Whether something on this machine can listen on an IP address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as trial, suppress(OSError):
        trial.bind((address, 0))
        return True
    return False


def own_address(bind: str) -> str:
    """The address at which this machine reaches what listens on the IP address `bind`, which may stand for all."""
    return LOOPBACK if ipaddress.ip_address(bind).is_unspecified else bind


def public_address(bind: str) -> str | None:
    """The address at which other devices reach what listens on the IP address `bind`; None where none does."""
    chosen = ipaddress.ip_address(bind)
    address = lan_address() if chosen.is_unspecified else bind
    return None if ipaddress.ip_address(address).is_loopback else address


def in_url(address: str) -> str:
    """An IP address as URLs write it."""
    return f"[{address}]" if ":" in address else address


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
