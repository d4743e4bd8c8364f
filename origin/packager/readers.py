"""What comes out of the two ffmpeg, read into GOPs and sound and handed to the package."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from origin.packager.boxes import MalformedError
from origin.packager.fragments import Kind, Sample, Track, TrackReader
from origin.packager.gops import GopReader, VideoGop
from origin.packager.package import Package

_TICKS = 1000

OnFrames = Callable[[Track, list[Sample]], None]
"""Takes the source's frames as they come, and the track they belong to."""


class SourceReader:
    """One run of the passthrough: the source's GOPs wait in `pending`, each with the moment it was there, until
    somebody confirms that the source is still what it was when the run began."""

    def __init__(self, package: Package, on_frames: OnFrames, *, sound: bool) -> None:
        self.pending: deque[tuple[float, VideoGop]] = deque()
        self.newest_ms: int | None = None
        self._package = package
        self._on_frames = on_frames
        self._video = TrackReader()
        self._audio = TrackReader() if sound else None
        self._gops = GopReader()
        self._early: list[Sample] = []
        self._open = False

    @property
    def track(self) -> Track | None:
        """The picture's track, once it is known."""
        return self._video.track

    def take_video(self, data: bytes) -> None:
        """Bytes of the video's pipe. Raises MalformedError."""
        samples = self._video.feed(data)
        track = _check(self._video.track, Kind.VIDEO)
        if track and samples:
            self.newest_ms = samples[-1].pts
            self._on_frames(track, samples)
        self.pending.extend((time.monotonic(), gop) for gop in self._gops.feed(samples))

    def take_audio(self, data: bytes) -> None:
        """Bytes of the audio's pipe. Raises MalformedError."""
        assert self._audio is not None, "a run without sound has no such pipe"
        self._early += self._audio.feed(data)
        _check(self._audio.track, Kind.AUDIO)
        if self._open:
            self._hand_on_sound()

    def end(self) -> None:
        """The encoder has left: its last GOP is complete, too."""
        if gop := self._gops.end():
            self.pending.append((time.monotonic(), gop))

    def release(self, count: int) -> None:
        """Hand on so many of the pending GOPs; nothing before both tracks are known."""
        if not self._opened():
            return
        for _ in range(count):
            came_s, gop = self.pending.popleft()
            self._package.add_source(gop, came_s)

    def _opened(self) -> bool:
        video, audio = self._video.track, self._audio.track if self._audio else None
        if not self._open and video and (audio or not self._audio):
            self._package.open_source(video, audio)
            self._open = True
            self._hand_on_sound()
        return self._open

    def _hand_on_sound(self) -> None:
        self._package.add_sound(self._early)
        self._early = []


class RungReader:
    """One pipe of the ladder; `done_ms` is where the last GOP that it handed on ends."""

    def __init__(self, package: Package, width: int, ceiling_bps: int) -> None:
        self._package = package
        self._width = width
        self._ceiling_bps = ceiling_bps
        self._reader = TrackReader()
        self._gops = GopReader()
        self._open = False
        self.newest_ms: int | None = None
        self.done_ms: int | None = None

    def take(self, data: bytes) -> None:
        """Bytes of the pipe. Raises MalformedError."""
        samples = self._reader.feed(data)
        track = _check(self._reader.track, Kind.VIDEO)
        if track and not self._open:
            if track.size.width != self._width:
                raise MalformedError(f"a picture {track.size} in the rung {self._width}")
            self._package.open_rung(track, self._ceiling_bps)
            self._open = True
        if samples:
            self.newest_ms = samples[-1].pts
        self._hand_on(self._gops.feed(samples))

    def end(self) -> None:
        """The source has ended: so has the last GOP."""
        if gop := self._gops.end():
            self._hand_on([gop])

    def _hand_on(self, gops: list[VideoGop]) -> None:
        for gop in gops:
            self._package.add_rung(self._width, gop)
            self.done_ms = gop.end_ms


def _check(track: Track | None, kind: Kind) -> Track | None:
    if track and (track.kind is not kind or (kind is Kind.VIDEO and track.timescale != _TICKS)):
        raise MalformedError(f"a track of {track.kind} with {track.timescale} ticks a second, where {kind} should be")
    return track
