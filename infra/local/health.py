"""Health checks: a service that runs but does not answer is ended, and its supervisor starts it again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp

from infra.local.plan import Plan
from infra.local.ports import in_url
from panocast.service import Service

log = logging.getLogger(__name__)

EVERY_S = 2.0
# Long, for a machine may be busy, and ending an nginx drops its encoders.
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """What a service answers on this machine while it is well: any answer of HTTP, whatever its status."""

    service: str
    url: str


def checks(plan: Plan) -> list[Check]:
    """The check of every service that answers HTTP."""
    found = [
        Check("edge nginx", f"http://{in_url(plan.address)}:{plan.ports.http}/icon.svg"),
        Check("edge agent", f"http://127.0.0.1:{plan.edge.settings.edge.agent_port}/healthz"),
    ]
    for part in (plan.primary, plan.backup):
        origin = part.settings.origin
        found.append(Check(f"{origin.role} origin nginx", f"http://127.0.0.1:{origin.stat_port}/stat"))
        found.append(Check(f"{origin.role} origin agent", f"http://127.0.0.1:{origin.agent_port}/live.json"))
    return found


async def watch(services: Iterable[Service], checks: Iterable[Check], *, patience_s: float = PATIENCE_S) -> None:
    """Check until cancelled; a service that has not answered for `patience_s` seconds is killed."""
    by_name = {service.command.name: service for service in services}
    timeout = aiohttp.ClientTimeout(total=max(1.0, patience_s / 3))
    async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
        for check in checks:
            group.create_task(_watch_one(session, check, by_name[check.service], patience_s))


async def _watch_one(session: aiohttp.ClientSession, check: Check, service: Service, patience_s: float) -> None:
    clock = asyncio.get_running_loop().time
    well_at, pid = clock(), service.pid
    while True:
        # A child that was started anew, or not yet again, gets its own patience: restarting it is the supervisor's.
        if await _answers(session, check.url) or service.pid is None or service.pid != pid:
            well_at, pid = clock(), service.pid
        elif clock() - well_at > patience_s:
            log.warning("%s runs but has not answered for %.0f s: starting it again", check.service, patience_s)
            service.kill()
        await asyncio.sleep(min(EVERY_S, patience_s / 4))


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url):
            return True
    except (aiohttp.ClientError, TimeoutError):
        return False
