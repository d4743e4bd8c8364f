"""What HTTP says of an object of the egress store: its type, and how long whoever fetched it may keep it."""

from __future__ import annotations

import mimetypes
from pathlib import Path

_TYPES = {".m3u8": "application/vnd.apple.mpegurl", ".m4s": "video/iso.segment", ".vtt": "text/vtt"}
# Descriptions may be replaced; what they name never changes.
_REPLACED = ("master.m3u8", ".json")


def media_type(key: str) -> str:
    """The MIME type of an object by its name."""
    return _TYPES.get(Path(key).suffix) or mimetypes.guess_type(key)[0] or "application/octet-stream"


def cache_control(key: str) -> str:
    """The Cache-Control of an object by its name."""
    return "no-cache" if key.endswith(_REPLACED) else "public, max-age=86400, immutable"
