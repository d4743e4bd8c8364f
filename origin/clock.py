"""Where a part of a recording stands on the session's clock, to the millisecond, however many parts came before.

nginx-rtmp starts each file's clock again at the file's first frame, and tells nobody the time it took away. But RTMP's
times are whole milliseconds and both tracks have a steady beat (a frame rate; 1024 samples), so the lost time is a
whole number that the beat on both sides of the cut determines: a line through the last times of the part before, the
same line through the first times of this one, and the offset that makes them one line, rounded. With a hundred times on
each side the line is known to some hundredths of a millisecond, so the rounding takes all of the error away: nothing
is left that could add up over hours. Audio decides where it is steady, for its beat does not miss when an encoder
drops frames; pictures decide where it is not; where neither is (variable frame rate, no sound), the part follows after
one usual step, which errs by a fraction of a frame.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from pydantic import BaseModel, ConfigDict

log = logging.getLogger(__name__)

KEEP = 128
"""How many times of a track are kept from the part before: some seconds."""

# A time rounded to a whole millisecond is off by up to one; encoders that stamp by hand by a little more.
_STEADY_MS = 2.0
_AT_LEAST = 4


class Beat(BaseModel):
    """Times of decoding in ms, in order: of the frames of each track of a stretch of a recording."""

    model_config = ConfigDict(frozen=True)

    video_ms: tuple[int, ...] = ()
    audio_ms: tuple[int, ...] = ()

    def first(self) -> Beat:
        """Only the first times, as many as it takes."""
        return Beat(video_ms=self.video_ms[:KEEP], audio_ms=self.audio_ms[:KEEP])

    def last(self, start_ms: int) -> Beat:
        """Only the last times, moved by `start_ms`."""
        return Beat(
            video_ms=tuple(start_ms + time for time in self.video_ms[-KEEP:]),
            audio_ms=tuple(start_ms + time for time in self.audio_ms[-KEEP:]),
        )


def start_of_next(tail: Beat, head: Beat) -> int:
    """What must be added to the times of `head`, the part that follows, to be on the clock of `tail` (ms)."""
    by_audio = _join(tail.audio_ms, head.audio_ms)
    by_video = _join(tail.video_ms, head.video_ms)
    if by_audio is not None and by_video is not None and abs(by_audio - by_video) > _STEADY_MS:
        log.warning("frames are missing where two parts meet: %.0f ms by the sound", by_audio - by_video)
    if by_audio is not None:
        return round(by_audio)
    if by_video is not None:
        return round(by_video)
    return _step(tail.video_ms or tail.audio_ms, head.video_ms or head.audio_ms)


def start_after(tail: Beat, head: Beat) -> int:
    """What must be added to the times of `head`, of another connection, to follow right after all of `tail` (ms): two
    connections have no beat in common."""
    ends = [times[-1] + _usual_step(times) for times in (tail.video_ms, tail.audio_ms) if times]
    starts = [times[0] for times in (head.video_ms, head.audio_ms) if times]
    return round(max(ends, default=0)) - min(starts, default=0)


def _usual_step(*tracks: Sequence[int]) -> float:
    steps = [after - before for times in tracks for before, after in pairwise(times)]
    return median(steps) if steps else 0


def _join(tail: Sequence[int], head: Sequence[int]) -> float | None:
    """The offset that puts both on one line, or None where they are not steady enough to tell."""
    if len(tail) < _AT_LEAST or not head:
        return None
    tail_middle, head_middle = (len(tail) - 1) / 2, (len(head) - 1) / 2
    tail_mean, head_mean = sum(tail) / len(tail), sum(head) / len(head)
    spread = sum((i - tail_middle) ** 2 for i in range(len(tail)))
    slope_sum = sum((i - tail_middle) * time for i, time in enumerate(tail))
    spread += sum((i - head_middle) ** 2 for i in range(len(head)))
    slope_sum += sum((i - head_middle) * time for i, time in enumerate(head))
    step = slope_sum / spread
    errors = [abs(time - tail_mean - step * (i - tail_middle)) for i, time in enumerate(tail)]
    errors += [abs(time - head_mean - step * (i - head_middle)) for i, time in enumerate(head)]
    if max(errors) > _STEADY_MS:
        return None
    return tail_mean + step * (len(tail) + head_middle - tail_middle) - head_mean


def _step(tail: Sequence[int], head: Sequence[int]) -> int:
    if not tail:
        return 0
    return round(tail[-1] + _usual_step(tail, head) - (head[0] if head else 0))
