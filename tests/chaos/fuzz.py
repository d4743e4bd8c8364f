"""Thousands of damaged files (guarantee 18): each is published whole or refused in words, and nothing hangs."""

from __future__ import annotations

import asyncio
import itertools
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.transcoder.fuzz import EVERY_PAIR, Report, look_at_all, make_sources, mutants, try_all
from tests.integration.transcoder.site import directory_site

# To look at a file takes a tenth of what it takes to try it, so most are only looked at.
LOOKS = 4 * EVERY_PAIR


class _Crashes(logging.Handler):
    """Keeps what was logged with a traceback."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.found.append(self.format(record))


@contextmanager
def _crashes() -> Iterator[list[str]]:
    handler = _Crashes()
    logging.getLogger().addHandler(handler)
    try:
        yield handler.found
    finally:
        logging.getLogger().removeHandler(handler)


def fuzz_media(seconds: float, seed: int, say: Callable[[str], None]) -> Report:
    """Try batches of damaged files, each with a seed of its own from `seed` on, for so many seconds, and look at more;
    what became of them, with the tracebacks in the log and the batches that hung among what is wrong."""
    report = Report()
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="panocast-fuzz-") as folder, _crashes() as crashes:
        sources = make_sources(Path(folder))
        for number in itertools.count(seed):
            if time.monotonic() >= ends:
                break
            root = Path(folder) / f"batch-{number}"
            root.mkdir()
            known = len(report.wrong)
            files = list(mutants(sources, number, EVERY_PAIR + LOOKS))
            try:
                report.add(asyncio.run(try_all(directory_site(root), files[:EVERY_PAIR])))
                report.add(asyncio.run(look_at_all(root, files[EVERY_PAIR:])))
            except TimeoutError:
                report.wrong.append(f"seed {number}: a worker did not come to its end")
            say(f"seed {number}: {report.tried} tried, {report.looked} looked at, {len(report.wrong)} wrong so far")
            for line in report.wrong[known:]:
                say(line)
            shutil.rmtree(root)
        report.wrong += crashes
        return report
