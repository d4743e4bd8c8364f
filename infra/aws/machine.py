"""What a stack's machines call themselves: `panocast aws report | follow-keys | ready`, which people need not know."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import boto3
import typer

from infra.aws.ready import is_ready
from infra.aws.report import report
from infra.aws.ssm import KEYS, follow_keys
from panocast.cli import ConfigOption, StateOption
from panocast.lifecycle import until_stopped
from panocast.settings import load_settings
from panocast.spot import instance_id
from panocast.state import open_settings

app = typer.Typer()


@app.command(name="report", hidden=True)
def report_command(state: StateOption = None, config: ConfigOption = None) -> None:
    """On a machine of a stack: its log lines and figures to CloudWatch, until told to stop."""
    asyncio.run(_report(state, config))


async def _report(state: Path | None, config: Path | None) -> None:
    stream = await instance_id() or "unknown"
    settings = open_settings(state, config)
    await _until_stopped(report(settings, os.environ, boto3.client, stream))


async def _until_stopped(work: Coroutine[None, None, None]) -> None:
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(until_stopped())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    working.cancel()
    results = await asyncio.gather(working, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]


@app.command(name="follow-keys", hidden=True)
def follow_keys_command(state: StateOption = None, config: ConfigOption = None) -> None:
    """On an origin of a stack: learn which stream keys were renewed, until told to stop."""
    settings = load_settings(state, config)
    following = follow_keys(boto3.client("ssm"), os.environ["DEPLOYMENT"], settings.state / KEYS)
    asyncio.run(_until_stopped(following))


@app.command(hidden=True)
def ready(
    role: Annotated[str, typer.Option(help="origin, edge or worker.")],
    state: StateOption = None,
    config: ConfigOption = None,
) -> int:
    """On a machine of a stack: 0 when its service answers, 1 when not."""
    return 0 if asyncio.run(is_ready(role, load_settings(state, config))) else 1
