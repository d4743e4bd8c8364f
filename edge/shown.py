"""The playlists of a window: what is here, in order, so that nothing they name is ever missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from edge.sight import Sight
from edge.window import Window
from panocast.feed import FeedRung, rung_folder
from panocast.live_hls import Row, live_multivariant, media_playlist


def media_playlists(window: Window, *, ended: bool = False) -> dict[str, str]:
    """The media playlist of each rung that has a segment here, by its path below /hls/."""
    playlists = {}
    for width in window.first:
        rows = _in_order(window, width)
        text = media_playlist(rows, target_duration_s=window.target_duration_s, ended=ended)
        if text is not None:
            playlists[playlist_path(window.name, width)] = text
    return playlists


def playlist_path(name: str, width: int) -> str:
    """Where a rung's media playlist stands below /hls/."""
    return f"{rung_folder(name, width)}/index.m3u8"


def multivariant(window: Window, playable: Collection[int]) -> str | None:
    """The multivariant playlist of the rungs that are told and `playable`, or None before there is one."""
    rungs = [rung for rung in window.rungs if rung.width in playable]
    return live_multivariant(window.name, rungs) if rungs else None


def note_rungs(window: Window, sights: Mapping[str, Sight], active: str) -> frozenset[int]:
    """Take the rungs from what the origins say, the one in use first; gives the widths that are no more."""
    told: dict[int, FeedRung] = {}
    for role in (active, *(role for role in sights if role != active)):
        feed = sights[role].feed
        shared = role == active or (window.last_key is not None and window.last_key in sights[role].segments)
        for rung in feed.rungs if feed and shared else ():
            told.setdefault(rung.width, rung)
    if not told:
        return frozenset()
    window.rungs = tuple(told[width] for width in sorted(told, reverse=True))
    withdrawn = frozenset(window.first) - frozenset(told)
    for width in withdrawn:
        del window.first[width]
    return withdrawn


def _in_order(window: Window, width: int) -> list[Row]:
    """The rows of a rung up to the first that is still on its way."""
    found: list[Row] = []
    for entry in window.entries:
        if entry.shown.number < window.first[width]:
            continue
        file = entry.there.get(width)
        if file is None and width not in entry.gaps:
            break
        found.append((entry.shown, file, entry.lines))
    return found
