"""Logs for people and for machines: one line each, times in UTC, no stream key ever."""

from __future__ import annotations

import logging
import re
import sys
import time

_KEY = re.compile(r"(key=)[^&\s'\"]+", re.IGNORECASE)


def redact(text: str) -> str:
    """`text` with the value of every `key=` (as in rtmp://…/live/cam?key=…) replaced."""
    return _KEY.sub(r"\1***", text)


class _RedactingFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def setup_logs(*, debug: bool = False) -> None:
    """Send every log line to stderr, as services do; called once, by an entry point."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ"))
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, handlers=[handler], force=True)
    for chatty in ("aiohttp.access", "botocore", "boto3", "s3transfer", "urllib3", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
