"""The supervisor's health checks, on a small service that can be made to hang."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from infra.local.health import Check, watch
from infra.local.ports import accepts
from panocast.process import Command
from panocast.service import Backoff, Service
from tests.ports import free_ports
from tests.waiting import eventually

pytestmark = pytest.mark.slow


async def test_a_service_that_hangs_is_started_again_and_one_that_answers_is_left_alone() -> None:
    ports = free_ports(2)
    services = [
        Service(
            Command(name, [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]),
            backoff=Backoff(first_s=0.1),
        )
        for name, port in zip(("hanging", "well"), ports, strict=True)
    ]
    checks = [Check(s.command.name, f"http://127.0.0.1:{p}/none") for s, p in zip(services, ports, strict=True)]
    tasks = [asyncio.create_task(service.run()) for service in services]
    try:
        await eventually(lambda: all(accepts(port) for port in ports))
        tasks.append(asyncio.create_task(watch(services, checks, patience_s=6)))
        hanging, well = services
        assert hanging.pid is not None
        os.kill(hanging.pid, signal.SIGSTOP)
        await eventually(lambda: hanging.starts == 2)
        assert "SIGKILL" in str(hanging.last_error)
        assert well.starts == 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
