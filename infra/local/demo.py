"""The pictures `panocast up` can publish by itself: an endless test card, and one short event."""

from __future__ import annotations

import json
import logging

from infra.local.plan import Plan
from infra.local.ports import in_url
from panocast.errors import PanocastError
from panocast.keys import open_keys
from panocast.process import Command, run
from panocast.testcard import Card, find_fonts, publish_argv

log = logging.getLogger(__name__)

DEMO_NAME = "demo"
DEMO_S = 30.0
TEST_NAME = "test"


def publish_url(plan: Plan, application: str, name: str) -> str:
    """Where an encoder on this machine publishes stream `name`, its key included."""
    key = open_keys(plan.settings).key(name)
    return f"rtmp://{in_url(plan.address)}:{plan.ports.rtmp}/{application}/{name}?key={key}"


def test_source(plan: Plan) -> Command:
    """The endless test card on `qa/test`."""
    return publish_command(publish_url(plan, "qa", TEST_NAME), Card())


def publish_command(url: str, card: Card, duration_s: float | None = None) -> Command:
    """What publishes a test card to an RTMP `url`, for `duration_s` seconds or until it is stopped."""
    argv = publish_argv(url, card, find_fonts())
    if duration_s is not None:
        argv[-1:] = ["-t", f"{duration_s:g}", url]
    return Command("test source", argv)


async def publish_once(plan: Plan) -> None:
    """Publish one event `demo` of 30 s on `live`, unless an earlier one is in the catalog already."""
    if _has_demo(plan):
        log.info("the demo is in the library already")
        return
    command = publish_command(publish_url(plan, "live", DEMO_NAME), Card(), DEMO_S)
    try:
        await run(command, timeout_s=DEMO_S + 60)
    except PanocastError as error:
        log.warning("the demo could not be published: %s", error)


def _has_demo(plan: Plan) -> bool:
    catalog = plan.settings.state / "egress" / "vod" / "catalog.json"
    try:
        return any(entry["name"] == DEMO_NAME for entry in json.loads(catalog.read_text())["vod"])
    except (OSError, ValueError, KeyError):
        return False
