"""Metrics for Prometheus over HTTP, on loopback or a private address: what worker, origin and edge share.

Text format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from panocast.errors import UsageError


@contextmanager
def exposed(registry: CollectorRegistry, port: int, bind: str = "127.0.0.1") -> Iterator[int]:
    """Serve a registry's figures at `/metrics` until the block ends; port 0 takes a free one. Gives the port.

    Raises UsageError when the port is taken.
    """
    try:
        server, thread = start_http_server(port, addr=bind, registry=registry)
    except OSError as error:
        raise UsageError(f"cannot serve metrics on {bind}:{port}: {error.strerror}: choose another port") from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
