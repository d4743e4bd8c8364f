"""Ports for services: free, different, and out of the way of outgoing connections."""

from __future__ import annotations

import socket

from infra.local.ports import LOOPBACK, free_ports


def test_ports_are_free_and_below_those_of_outgoing_connections() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, free_ports(1)[0]))
        found = free_ports(1_000_000)
        assert taken.getsockname()[1] not in found
    assert len(found) == len(set(found)) > 8000
    assert max(found) < 32_768
