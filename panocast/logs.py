"""Logs for people and for machines: one line each, times in UTC, no stream key ever.

On a terminal a line is text; elsewhere (systemd, a file, a collector) it is one JSON object: `at`, `level`, `logger`,
`message`, and what it is about (`job`, `stream`, …). The first of our processes decides, and its children follow;
PANOCAST_LOG_FORMAT=text or json decides for all of them.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

FORMAT_VARIABLE = "PANOCAST_LOG_FORMAT"
_KEY = re.compile(r"(key=)[^&\s'\"]+", re.IGNORECASE)
_TOKEN = re.compile(r"(/s/[0-9]{10}-)[A-Za-z0-9_-]{22}")
_about: ContextVar[Mapping[str, str] | None] = ContextVar("about", default=None)


def redact(text: str) -> str:
    """`text` with the value of every `key=` (as in rtmp://…/live/cam?key=…) and every playback token replaced."""
    return _TOKEN.sub(r"\1***", _KEY.sub(r"\1***", text))


@contextmanager
def about(**fields: str) -> Iterator[None]:
    """Every line logged within the block (and in the tasks it starts) says these fields, in JSON."""
    token = _about.set({**(_about.get() or {}), **fields})
    try:
        yield
    finally:
        _about.reset(token)


class _TextFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _JsonFormatter(_TextFormatter):
    """`extra={"figures": {…}}` adds fields of one line's own."""

    def format(self, record: logging.LogRecord) -> str:
        own: dict[str, object] = {
            "at": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        fields = {name: redact(text) for name, text in (_about.get() or {}).items()}
        said = own | fields | getattr(record, "figures", {}) | own  # own first, and own stronger
        if record.exc_info:
            said["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(said, ensure_ascii=False)


def setup_logs(*, debug: bool = False) -> None:
    """Send every log line to stderr, as services do; called once, by an entry point."""
    chosen = os.environ.setdefault(FORMAT_VARIABLE, "text" if sys.stderr.isatty() else "json")
    handler = logging.StreamHandler(sys.stderr)
    if chosen == "json":
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(_TextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ"))
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, handlers=[handler], force=True)
    for chatty in ("aiohttp.access", "botocore", "boto3", "s3transfer", "urllib3", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
