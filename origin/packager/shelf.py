"""What the agent's next life needs to go on with a live stream: one small file for each, replaced whole."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from origin.timeline import SavedTimeline

log = logging.getLogger(__name__)

# Streams are named by people: what nobody published for a month is forgotten.
_KEPT_S = 30 * 24 * 3600


class Kept(BaseModel):
    """One stream: which publish it was (nginx's process and connection), its sound, its timeline."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    client: tuple[int, int]
    audio: str | None = None
    timeline: SavedTimeline | None = None


class Shelf:
    """NAME.json in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Kept | None:
        """What was kept of a stream; None where there is nothing, or nothing that makes sense."""
        try:
            return Kept.model_validate_json(self._path(name).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            log.warning("%s: what was kept of it cannot be read: %s", name, error)
            return None

    def write(self, name: str, kept: Kept) -> None:
        """Replace what is kept of a stream; raises OSError."""
        fresh = self._path(name).with_suffix(".new")
        fresh.write_text(kept.model_dump_json())
        fresh.replace(self._path(name))

    def sweep(self) -> None:
        """Forget streams that nobody published for a month, as far as they let themselves be removed."""
        try:
            for path in self._folder.iterdir():
                if path.stat().st_mtime < time.time() - _KEPT_S:
                    path.unlink()
        except OSError as error:
            log.warning("what is kept of old streams stays: %s", error)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
