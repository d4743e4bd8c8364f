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

from tests.integration.transcoder.fuzz import Report, make_sources, mutants, try_all
from tests.integration.transcoder.site import directory_site

BATCH = 28


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
    """Try batches of damaged files, each with a seed of its own from `seed` on, for so many seconds; what became of
    them, with the tracebacks in the log and the batches that hung among what is wrong."""
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
            try:
                report.add(asyncio.run(try_all(directory_site(root), list(mutants(sources, number, BATCH)))))
            except TimeoutError:
                report.wrong.append(f"seed {number}: a worker did not come to its end")
            say(f"seed {number}: {report.done} published, {len(report.wrong)} wrong so far")
            for line in report.wrong[known:]:
                say(line)
            shutil.rmtree(root)
        report.wrong += crashes
        return report
