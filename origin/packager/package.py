"""One live stream's package: GOPs of every rung in, segments on the timeline out, and what the feed says of them.

Pure: bytes and times in, values out. The source decides where segments begin; its sound is everybody's sound, so that
a player hears nothing when it changes the rung.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from origin.packager.fragments import Sample, Track
from origin.packager.gops import VideoGop
from origin.packager.measure import RungMeter
from origin.packager.rung import Cut, Filled, Rung
from origin.packager.segments import Run, audio_run, init_name, init_segment, segment, video_run
from origin.packager.window import Window
from origin.timeline import Gop, SegmentPlan, Timeline
from panocast.feed import Feed, FeedRung, State
from panocast.projection import Projection, Stereo

_RECENT = 30
# Sound that no segment asked for, in frames: two minutes.
_MOST_SOUND = 6000


@dataclass(frozen=True, slots=True)
class Identity:
    """What a feed says first: whose stream it is, in which life of the agent, and how it lies on the sphere."""

    name: str
    role: str
    epoch: str
    projection: Projection = Projection.EQUIRECTANGULAR
    stereo: Stereo = Stereo.MONO


class Package:
    """The segments of one stream. What a method adds shows in `version`, and `on_change` is called; `made` counts
    the segments of all rungs, `delays_s` says how long after the source's keyframe the last one of each was there."""

    def __init__(
        self, identity: Identity, timeline: Timeline, window_ms: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.identity = identity
        self.timeline = timeline
        self.window = Window(window_ms)
        self._window_ms = window_ms
        self.state = State.STARTING
        self.version = 0
        self.made = 0
        self.on_change: Callable[[], None] = lambda: None
        self.source: Track | None = None
        self.delays_s: dict[int, float] = {}
        self.gop_ms: int | None = None
        self._audio: Track | None = None
        self._sound: deque[Sample] = deque(maxlen=_MOST_SOUND)
        self._source_rung: Rung | None = None
        self._rungs: dict[int, Rung] = {}
        self._meters: dict[int, RungMeter] = {}
        self._ceilings_bps: dict[int, int] = {}
        self._shown: frozenset[int] = frozenset()
        self._clock = clock
        self._came_s: dict[int, float] = {}

    # The source

    def connected(self) -> None:
        """The source's clock is another one from now on."""
        self.timeline.connected()
        for meter in self._meters.values():
            meter.connected()
        self._forget()

    def open_source(self, video: Track, audio: Track | None) -> None:
        """The passed-through source begins, or goes on; one that is another than before makes a seam."""
        if self.source and (self.source, self._audio) != (video, audio):
            self.connected()
        if self.source != video or self._source_rung is None:
            if self.source and self.source.size.width != video.size.width:
                self.close_rung(self.source.size.width)
            self._source_rung = Rung(video)
        self.source, self._audio = video, audio
        self._rungs[video.size.width] = self._source_rung
        self._changed()

    def add_sound(self, frames: Iterable[Sample]) -> None:
        """Audio frames of the source, as they come."""
        for frame in frames:
            if self._sound and self._audio and frame.dts < self._sound[-1].dts - self._audio.timescale:
                self._sound.clear()  # its clock jumped back
            self._sound.append(frame)

    def add_source(self, gop: VideoGop, came_s: float | None = None) -> None:
        """A GOP of the source; `came_s` is when the keyframe behind it came."""
        rung = self._source_rung
        assert rung is not None, "open_source() first"
        self.gop_ms = gop.end_ms - gop.start_ms
        self._fill(rung, rung.add(gop))
        self.plan(self.timeline.gop(Gop(gop.start_ms, gop.end_ms, gop.fingerprint)), came_s)

    def plan(self, plans: Sequence[SegmentPlan], came_s: float | None = None) -> None:
        """Segments that the timeline has decided on."""
        for plan in plans:
            self.window.add(plan)
            self._came_s = {**dict(list(self._came_s.items())[-_RECENT:]), plan.number: came_s or self._clock()}
            if not plan.hole and self._source_rung:
                cut = Cut(plan, self._sound_of(plan, self._source_rung.find(plan)))
                for rung in list(self._rungs.values()):
                    self._fill(rung, rung.want(cut))
            self._changed()

    # The encoded rungs

    def open_rung(self, video: Track, ceiling_bps: int) -> None:
        """An encoded rung begins, or goes on after a restart."""
        width = video.size.width
        self._ceilings_bps[width] = ceiling_bps
        before = self._rungs.get(width)
        if before is None or before.track != video:
            self._rungs[width] = Rung(video, before.cuts if before else ())

    def add_rung(self, width: int, gop: VideoGop) -> None:
        """A GOP of an encoded rung."""
        if rung := self._rungs.get(width):
            self._fill(rung, rung.add(gop))

    def keep_rungs(self, widths: Collection[int]) -> None:
        """Of the encoded rungs only these go on."""
        for width, rung in list(self._rungs.items()):
            if width not in widths and rung is not self._source_rung:
                self.close_rung(width)

    def close_rung(self, width: int) -> None:
        """This rung will have no more segments: players must go to another one."""
        self._rungs.pop(width, None)
        self._meters.pop(width, None)
        self.delays_s.pop(width, None)
        self._ceilings_bps.pop(width, None)
        self._shown -= {width}
        self._changed()

    # What is told

    @property
    def ready(self) -> frozenset[int]:
        """The rungs that have a segment, whether they are shown yet or not."""
        return frozenset(self._meters)

    def show(self, widths: Iterable[int]) -> None:
        """From now on these rungs are in the multivariant playlist, as far as they have a segment."""
        shown = frozenset(widths) & self.ready
        if shown != self._shown:
            self._shown = shown
            self._changed()

    def enter(self, state: State) -> None:
        """The stream is in another state now."""
        if state != self.state:
            self.state = state
            self._changed()

    def close(self) -> None:
        """The stream is over. Whatever still points here (Python may take hours to see that only a circle does), its
        segments are gone."""
        self.on_change = lambda: None
        self.window.clear()
        self._forget()
        self._rungs.clear()
        self._source_rung = None

    @property
    def rungs(self) -> tuple[FeedRung, ...]:
        """The rungs that are shown, largest first."""
        told = [self.measured(width) for width in sorted(self._shown, reverse=True)]
        return tuple(rung for rung in told if rung)

    def measured(self, width: int) -> FeedRung | None:
        """One rung as it is told; None as long as it has no segment."""
        rung, meter = self._rungs.get(width), self._meters.get(width)
        return meter.rung(rung.track, self._audio) if rung and meter else None

    def bitrates_bps(self) -> dict[int, float]:
        """What each rung takes at the moment."""
        return {width: meter.bitrate_bps for width, meter in self._meters.items()}

    def feed(self, now_ms: int) -> Feed:
        """The stream as peer and edges are told of it."""
        return Feed(
            name=self.identity.name,
            role=self.identity.role,
            epoch=self.identity.epoch,
            version=self.version,
            state=self.state,
            now_ms=now_ms,
            timeline=self.timeline.timeline,
            zero_ms=self.timeline.zero_ms,
            target_duration_s=self.timeline.target_duration_s,
            rungs=self.rungs,
            segments=self.window.segments,
            keyframes=self.timeline.keyframes,
            projection=self.identity.projection,
            stereo=self.identity.stereo,
        )

    def lies(self, projection: Projection, stereo: Stereo) -> None:
        """How the pictures lie on the sphere."""
        if (projection, stereo) != (self.identity.projection, self.identity.stereo):
            self.identity = replace(self.identity, projection=projection, stereo=stereo)
            self._changed()

    # Inside

    def _sound_of(self, plan: SegmentPlan, gops: Sequence[VideoGop]) -> Run | None:
        """The sound that was sent with these GOPs: it ends where the next keyframe is decoded, for what comes between
        that and its being shown is not there yet."""
        if not gops or self._audio is None:
            return None
        scale = self._audio.timescale
        first, behind = (ms * scale / 1000 for ms in (gops[0].decode_ms, gops[-1].decode_end_ms))
        frames = [frame for frame in self._sound if first <= frame.dts < behind]
        self._sound = deque((frame for frame in self._sound if frame.dts >= behind), maxlen=_MOST_SOUND)
        return audio_run(frames, round((plan.offset_ms - plan.zero_ms) * scale / 1000)) if frames else None

    def _fill(self, rung: Rung, filled: Iterable[Filled]) -> None:
        for each in filled:
            self._write(rung, each)

    def _write(self, rung: Rung, filled: Filled) -> None:
        plan, sound = filled.cut.plan, filled.cut.sound
        video = video_run(filled.gops, plan.offset_ms - plan.zero_ms)
        data = segment(plan.number, [video, sound] if sound else [video])
        init = init_segment(rung.track, self._audio)
        width = rung.track.size.width
        if self.window.put(plan.number, width, (init_name(init), init), data):
            self.made += 1
            self.delays_s[width] = self._clock() - self._came_s.get(plan.number, self._clock())
            meter = self._meters.setdefault(width, RungMeter(self._window_ms, self._ceilings_bps.get(width, 0)))
            meter.add(filled.gops, len(data), plan.duration_ms, len(sound.data) if sound else 0)
            self._changed()

    def _forget(self) -> None:
        self._sound.clear()
        for rung in self._rungs.values():
            rung.forget()

    def _changed(self) -> None:
        self.version += 1
        self.on_change()
