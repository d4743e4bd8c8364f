"""Where the origins are now. nginx asks for a name once, when it starts, and does not start without an answer; on AWS a
name comes with the first machine, and stands for another address with the next."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

Resolve = Callable[[str], str | None]


def address_of(host: str) -> str | None:
    """The address of a host, as nginx writes it; None for a name that has none (yet)."""
    try:
        found = {each[4][0] for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return None
    first = min((ipaddress.ip_address(text) for text in found), key=lambda address: (address.version, int(address)))
    return f"[{first}]" if first.version == 6 else str(first)


def remembering(resolve: Resolve) -> Resolve:
    """The same, but a host that has no address now keeps its last one: a name server may be silent for a moment."""
    known: dict[str, str] = {}

    def resolved(host: str) -> str | None:
        if address := resolve(host):
            known[host] = address
        return known.get(host)

    return resolved
