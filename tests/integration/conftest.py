"""What integration tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aws import AwsServer, aws_server


@pytest.fixture(scope="session")
def aws() -> Iterator[AwsServer]:
    """moto's server: S3 and SQS on loopback."""
    with aws_server() as server:
        yield server
