"""Video samples put together to complete GOPs, as they come out of one ffmpeg."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from origin.packager.fragments import Sample

# A step between two frames that is longer, or goes back, is no pause of the picture: the encoder's clock jumped.
JUMP_MS = 2_000
FINGERPRINT_BYTES = 4096
# How many bytes a GOP may have; what is longer than memory goes begins again with the next keyframe.
MOST_GOP_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class VideoGop:
    """A keyframe and what follows it, in the order of decoding; times in ms of the source.

    It is shown from `start_ms` on, `end_ms` is when the next one is; `decode_ms` and `decode_end_ms` are the same on
    the decoder's clock, which is ahead where there are B-frames. One that no keyframe follows, for the stream ends or
    its clock jumps, has an `estimated` end.
    """

    start_ms: int
    end_ms: int
    decode_ms: int
    decode_end_ms: int
    frames: tuple[Sample, ...]
    estimated: bool = False

    @property
    def fingerprint(self) -> str:
        """What is the same for the same keyframe, wherever it came by: a hash of its first 4 KB."""
        return hashlib.sha256(self.frames[0].data[:FINGERPRINT_BYTES]).hexdigest()[:16]

    @property
    def bytes(self) -> int:
        """How much it holds."""
        return sum(len(frame.data) for frame in self.frames)


class GopReader:
    """Cuts a track's samples (in ms) at its keyframes. A GOP is complete once the next keyframe is there."""

    def __init__(self, most_bytes: int = MOST_GOP_BYTES) -> None:
        self._frames: list[Sample] = []
        self._bytes = 0
        self._most_bytes = most_bytes

    def feed(self, samples: list[Sample]) -> list[VideoGop]:
        """The GOPs that these samples complete."""
        done: list[VideoGop] = []
        for sample in samples:
            if self._frames and not 0 <= sample.dts - self._frames[-1].dts <= JUMP_MS:
                done.append(self._estimated())
                self._begin(None)
            if sample.keyframe:
                if self._frames:
                    done.append(_gop(self._frames, sample.pts, sample.dts))
                self._begin(sample)
            elif self._frames:
                self._add(sample)
        return done

    def end(self) -> VideoGop | None:
        """The GOP that the end of the stream completes."""
        gop = self._estimated() if self._frames else None
        self._begin(None)
        return gop

    def _begin(self, keyframe: Sample | None) -> None:
        self._frames = [keyframe] if keyframe else []
        self._bytes = len(keyframe.data) if keyframe else 0

    def _add(self, sample: Sample) -> None:
        self._bytes += len(sample.data)
        if self._bytes > self._most_bytes:
            self._begin(None)
        else:
            self._frames.append(sample)

    def _estimated(self) -> VideoGop:
        """The GOP up to its last frame, which is taken to last as long as the frames before it did."""
        first, last = self._frames[0], self._frames[-1]
        step = round((last.dts - first.dts) / (len(self._frames) - 1)) if len(self._frames) > 1 else last.duration
        end = max(frame.pts for frame in self._frames) + max(step, 1)
        return _gop(self._frames, end, last.dts + max(step, 1), estimated=True)


def _gop(frames: list[Sample], end_ms: int, decode_end_ms: int, *, estimated: bool = False) -> VideoGop:
    return VideoGop(frames[0].pts, end_ms, frames[0].dts, decode_end_ms, tuple(frames), estimated)
