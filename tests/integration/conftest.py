"""What integration tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aws import AwsServer, aws_server


@pytest.fixture(scope="session")
def _server() -> Iterator[AwsServer]:
    with aws_server() as server:
        yield server


@pytest.fixture(scope="module")
def aws(_server: AwsServer) -> AwsServer:
    """moto's server on loopback, which has nothing of other files."""
    _server.forget()
    return _server
