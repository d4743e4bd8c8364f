"""Where one origin keeps its files: STATE/origin-ROLE and what is below it, each folder written once, here."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class OriginPaths:
    """The working folder of one origin. Nothing in it outlives the streams that run, but recordings not stored yet."""

    folder: Path

    @property
    def config(self) -> Path:
        """nginx's configuration."""
        return self.folder / "nginx.conf"

    @property
    def hls(self) -> Path:
        """NAME_WIDTH/index.m3u8 and its segments, cut by nginx."""
        return self.folder / "hls"

    @property
    def testhls(self) -> Path:
        """NAME.m3u8 and its segments, of the application `qa`."""
        return self.folder / "testhls"

    @property
    def playlists(self) -> Path:
        """hls/NAME.m3u8: multivariant playlists, apart from `hls`, where nginx removes playlists by their age."""
        return self.folder / "playlists"

    @property
    def recordings(self) -> Path:
        """NAME-<unix time>.flv, written by nginx."""
        return self.folder / "recordings"

    @property
    def recordings_way(self) -> Path:
        """A link to `recordings`, by which nginx gets there."""
        return self.folder / "recordings-way"

    @property
    def sessions(self) -> Path:
        """NAME/SESSION.json: what is known of each recording that is not closed yet."""
        return self.folder / "sessions"

    @property
    def timelines(self) -> Path:
        """NAME.json: where each live stream stands on its timeline, for the agent's next life."""
        return self.folder / "timelines"

    @property
    def tmp(self) -> Path:
        """Work in progress, of nginx and of conversions; emptied at every start."""
        return self.folder / "tmp"

    def make(self) -> None:
        """Make every folder that is missing, and the way into the one of recordings."""
        written_by_nginx = (self.hls, self.testhls, self.recordings)
        for folder in (*written_by_nginx, self.playlists / "hls", self.sessions, self.timelines, self.tmp):
            folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            self.recordings_way.symlink_to(self.recordings.name)


def origin_paths(state: Path, role: str) -> OriginPaths:
    """The working folder of the origin `role` of a state directory."""
    return OriginPaths(state / f"origin-{role}")
