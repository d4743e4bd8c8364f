"""Leaving without anybody noticing: an edge that is told to stop sends new viewers elsewhere first, and finishes what
it serves."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import aiohttp

from panocast.errors import PanocastError
from panocast.settings import EdgeSettings
from panocast.spot import instance_id

log = logging.getLogger(__name__)

CLOSING_S = 10.0
"""What of the time is kept for what is being sent when the door closes."""
EVERY_S = 2.0


async def drain(settings: EdgeSettings) -> float:
    """Fail /healthz at once, leave the target group where one is set, and wait until new viewers go elsewhere: at
    least `leave_s`, and with a target group until that has let go. Gives the seconds that are left of `drain_s`."""
    begun = time.monotonic()

    def left_s() -> float:
        return max(0.0, settings.drain_s - (time.monotonic() - begun))

    log.info("draining: /healthz fails from now on")
    await _tell_agent(settings.agent_port)
    if settings.target_group_arn:
        await _leave(settings.target_group_arn, max(0.0, settings.drain_s - CLOSING_S))
    still_s = settings.leave_s - (time.monotonic() - begun)
    await asyncio.sleep(max(0.0, min(still_s, left_s() - CLOSING_S)))
    log.info("the door is closed: what is being sent has %.0f s", left_s())
    return left_s()


async def _tell_agent(port: int) -> None:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
            session.post(f"http://127.0.0.1:{port}/drain") as response,
        ):
            response.raise_for_status()
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("the agent cannot be told to drain (%s): /healthz fails without it, too", error)


async def _leave(target_group_arn: str, within_s: float) -> None:
    """Deregister from a load balancer's target group, and wait until it sends nobody any more. What AWS refuses is
    logged: the edge stops all the same."""
    from panocast import aws  # boto3 takes a moment that edges without a balancer need not spend

    machine = await instance_id()
    if machine is None:
        log.warning("not on EC2: there is nothing to take out of %s", target_group_arn)
        return
    try:
        with aws.translated(f"cannot leave {target_group_arn}"):
            client = await asyncio.to_thread(lambda: aws.new_session().client("elbv2", config=aws.HASTY_CONFIG))
            await asyncio.wait_for(_deregister(client, target_group_arn, machine), within_s)
    except TimeoutError:
        log.info("%s still drains after %.0f s", target_group_arn, within_s)
    except PanocastError as error:
        log.warning("%s", error)


async def _deregister(client: Any, target_group_arn: str, machine: str) -> None:
    target = {"TargetGroupArn": target_group_arn, "Targets": [{"Id": machine}]}
    await asyncio.to_thread(client.deregister_targets, **target)
    log.info("%s has left %s", machine, target_group_arn)
    draining = True
    while draining:
        await asyncio.sleep(EVERY_S)
        described = await asyncio.to_thread(client.describe_target_health, **target)
        states = [each["TargetHealth"]["State"] for each in described["TargetHealthDescriptions"]]
        draining = "draining" in states
