"""Guarantee 18 with a few dozen damaged files; `python -m tests.chaos fuzz` tries thousands."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.integration.transcoder.fuzz import make_sources, mutants, try_all
from tests.integration.transcoder.site import Site

pytestmark = pytest.mark.slow


async def test_damaged_media_is_published_whole_or_refused_in_words(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sources = make_sources(tmp_path)
    report = await try_all(site, list(mutants(sources, seed=18, number=28)))
    assert report.wrong == []
    assert report.done + report.refused.total() + report.given_up.total() == 28
    assert report.done
    assert report.refused
    crashes = [record.getMessage() for record in caplog.records if record.exc_info and record.levelno >= logging.ERROR]
    assert crashes == []
