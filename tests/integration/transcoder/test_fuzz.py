"""Guarantee 18 with a few dozen damaged files, most only looked at; `python -m tests.chaos fuzz` tries thousands."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.integration.transcoder.fuzz import EVERY_PAIR, look_at_all, make_sources, mutants, try_all
from tests.integration.transcoder.site import Site

pytestmark = pytest.mark.slow


async def test_damaged_media_is_published_whole_or_refused_in_words(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = list(mutants(make_sources(tmp_path), seed=18, number=14 + EVERY_PAIR))
    report = await try_all(site, files[:14])
    report.add(await look_at_all(tmp_path, files[14:]))
    assert report.wrong == []
    assert (report.tried, report.looked) == (14, EVERY_PAIR)
    assert report.done
    assert report.refused
    assert report.not_taken
    crashes = [record.getMessage() for record in caplog.records if record.exc_info and record.levelno >= logging.ERROR]
    assert crashes == []
