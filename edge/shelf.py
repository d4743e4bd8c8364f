"""The folder that nginx serves live streams from: files appear whole and under their name, or not at all."""

from __future__ import annotations

import gzip
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from edge.window import GONE_S, Window
from panocast.feed import rung_folder

_SAVED = TypeAdapter(Window)
_GZIP = ".gz"


class Shelf:
    """`hls/` as viewers see it, `state/NAME.json` what an agent that starts again goes on from. Calls block."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._hls = root / "hls"
        self._state = root / "state"

    def create(self) -> None:
        """Make the folders."""
        self._hls.mkdir(parents=True, exist_ok=True)
        self._state.mkdir(exist_ok=True)

    def has(self, path: str) -> bool:
        """Whether a file is there; `path` as below /hls/."""
        return (self._hls / path).is_file()

    def put(self, path: str, data: bytes) -> None:
        """Put a file in place, whole."""
        _replace(self._hls / path, data)

    def put_all(self, texts: Mapping[str, str]) -> None:
        """Put playlists in place in their order, each with the compressed one that nginx sends to who takes it."""
        for path, text in texts.items():
            data = text.encode()
            _replace(self._hls / f"{path}{_GZIP}", gzip.compress(data, compresslevel=6, mtime=0))
            _replace(self._hls / path, data)

    def put_list(self, text: str) -> None:
        """Put live.json in place."""
        _replace(self.root / "live.json", text.encode())

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files, those that are there."""
        for path in paths:
            _unlink(self._hls / path)

    def save(self, window: Window) -> None:
        """Keep what is shown of a stream, for an agent that starts again."""
        _replace(self._state / f"{window.name}.json", _SAVED.dump_json(window))

    def saved(self) -> list[Window]:
        """What an earlier agent showed a moment ago and is still here, whole; everything else is removed."""
        windows = [window for path in sorted(self._state.glob("*.json")) if (window := self._load(path))]
        known = {window.name for window in windows}
        for path in list(self._hls.iterdir()):
            if (
                path.name.removesuffix(_GZIP).removesuffix(".m3u8").rpartition("_")[0 if path.is_dir() else 2]
                not in known
            ):
                _remove_tree(path)
        return windows

    def _load(self, path: Path) -> Window | None:
        try:
            window = _SAVED.validate_json(path.read_bytes())
        except (OSError, ValidationError):
            window = None
        if window is not None and window.name == path.stem and _young(path, window) and self._whole(window):
            return window
        path.unlink(missing_ok=True)
        return None

    def _whole(self, window: Window) -> bool:
        """After a power cut there may be files without their bytes."""
        return bool(window.entries) and all(
            self._size(f"{folder}/{entry.shown.name}") == file.size and self._size(f"{folder}/{file.init}") > 0
            for entry in window.entries
            for width, file in entry.there.items()
            for folder in [rung_folder(window.name, width)]
        )

    def _size(self, path: str) -> int:
        try:
            return (self._hls / path).stat().st_size
        except FileNotFoundError:
            return 0

    def clear(self, name: str) -> None:
        """Remove everything of a stream, the playlist that leads to the rest first."""
        _unlink(self._hls / f"{name}.m3u8")
        (self._state / f"{name}.json").unlink(missing_ok=True)
        for folder in self._hls.glob(f"{name}_*"):
            _remove_tree(folder)


def _young(path: Path, window: Window) -> bool:
    """Whether a window's file may be of an event that still runs: it is saved with each segment."""
    return time.time() - path.stat().st_mtime <= GONE_S + window.target_duration_s


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.write_bytes(data)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
    temporary.replace(path)


def _unlink(path: Path) -> None:
    path.with_name(f"{path.name}{_GZIP}").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _remove_tree(path: Path) -> None:
    if path.is_dir():
        for playlist in path.glob("*.m3u8"):
            _unlink(playlist)
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
