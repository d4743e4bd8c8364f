"""Guarantee 1: a worker killed at any moment loses nothing and shows nothing half-done (`make chaos`: many more)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.kills import kill_workers
from tests.integration.transcoder.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


async def test_workers_killed_at_random_moments_end_every_job_once(
    any_site: Site, card_parts: list[Path], small_parts: list[Path]
) -> None:
    recordings = [(card_parts, 210), (small_parts, 60), (small_parts[:1], 30)]
    report = await kill_workers(any_site, recordings, kills=5, seed=2)
    assert report.holding > 0, "no kill came while a job ran"
    assert report.looks > 10
