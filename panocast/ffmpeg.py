"""Command lines for ffmpeg: one decode, a cascade of scalers, any number of outputs.

The only module that uses ffmpeg-python; everything here maps values to an argv, nothing runs. A flag's reason stands
beside it where it is chosen (origin/ladder.py, transcoder/encode.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ffmpeg

from panocast.ladder import Size

Options = Mapping[str, str | int | float | None]

# -nostdin: never waits for a key press; level+warning: each line of the log says how bad it is.
QUIET = ("-hide_banner", "-nostdin", "-loglevel", "level+warning")
# Progress as key=value lines on stdout, twice a second.
PROGRESS = ("-progress", "pipe:1", "-stats_period", "0.5")


@dataclass(frozen=True, slots=True)
class Input:
    """What ffmpeg reads, and the options that stand before its -i."""

    url: str
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Output:
    """What ffmpeg writes: `video` is a scaled size, "copy" (the input's packets or, with other options, its frames
    unscaled) or None; `audio` takes the first input's first audio track where there is one."""

    url: str
    video: Size | str | None
    audio: bool
    options: Options = field(default_factory=dict)


def command(
    source: Input, outputs: Sequence[Output], *, prepare: Sequence[tuple[str, Options]] = (), threads: int = 0
) -> list[str]:
    """The argv that reads `source` once and writes `outputs`.

    Frames pass the `prepare` filters (name, options) once; then each size is scaled from the next larger one, which
    costs a fraction of scaling each from the source. `threads` is for the decoder and for each filter (0: ffmpeg's
    choice, one for each core of the machine, however many ffmpegs share it).
    """
    few = {"threads": threads} if threads else {}
    stream = ffmpeg.input(source.url, **few, **_plain(source.options))
    sizes = sorted({o.video for o in outputs if isinstance(o.video, Size)}, reverse=True)
    scaled = _cascade(stream.video, sizes, prepare, [o.video for o in outputs])
    written = []
    for output in outputs:
        tracks: list[Any] = []
        if isinstance(output.video, Size):
            tracks.append(scaled[output.video].pop())
        elif output.video is not None:
            tracks.append(stream["v:0"])
        if output.audio:
            tracks.append(stream["a:0?"])
        written.append(ffmpeg.output(*tracks, output.url, **_plain(output.options)))
    merged = ffmpeg.merge_outputs(*written)
    few_filters = ("-filter_complex_threads", str(threads)) if threads else ()
    return ["ffmpeg", *QUIET, *PROGRESS, "-y", *few_filters, *ffmpeg.get_args(merged)]


def _cascade(
    video: Any, sizes: Sequence[Size], prepare: Sequence[tuple[str, Options]], wanted: Sequence[Size | str | None]
) -> dict[Size, list[Any]]:
    """Filter labels for each size, as many as outputs want it; each size is scaled from the one before."""
    for name, options in prepare:
        video = video.filter(name, **_plain(options))
    labels: dict[Size, list[Any]] = {}
    for index, size in enumerate(sizes):
        # Bicubic: at 4K, swscale's lanczos took a quarter more CPU for decoding and scaling (docs/figures.md).
        video = video.filter("scale", size.width, size.height, flags="bicubic").filter("setsar", "1")
        uses = wanted.count(size)
        taps = uses + (index + 1 < len(sizes))
        if taps == 1:
            labels[size] = [video] if uses else []
            continue
        split = video.filter_multi_output("split", taps)
        labels[size] = [split[i] for i in range(uses)]
        video = split[uses] if taps > uses else video
    return labels


def _plain(options: Options) -> dict[str, Any]:
    """ffmpeg-python's keywords: None means a flag without a value, which it spells the same way."""
    return dict(options)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an ffmpeg is: output time in seconds, frames written."""

    time_s: float = 0.0
    frames: int = 0


class ProgressReader:
    """Collects `-progress` lines; `feed` gives a Progress at the end of each block, else None."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def feed(self, line: str) -> Progress | None:
        """Take one line of ffmpeg's progress output."""
        key, _, value = line.strip().partition("=")
        self._values[key] = value.strip()
        if key != "progress":
            return None
        return Progress(
            time_s=_number(self._values.get("out_time_us")) / 1e6,
            frames=int(_number(self._values.get("frame"))),
        )


def _number(text: str | None) -> float:
    """A number as ffmpeg prints it; it says N/A before it knows one."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


class SpeedMeter:
    """How fast an ffmpeg is, from its progress lines and a clock in seconds: of the last ten, two reports a second.

    ffmpeg's own figure counts from time zero, which with a live source's timestamps means nothing.
    """

    _REPORTS = 20

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._reader = ProgressReader()
        self._reports: deque[tuple[float, float]] = deque(maxlen=self._REPORTS)

    def feed(self, line: str) -> None:
        """Take one line of progress."""
        if progress := self._reader.feed(line):
            if self._reports and progress.time_s < self._reports[-1][1]:
                self._reports.clear()  # it was started again
            self._reports.append((self._clock(), progress.time_s))

    @property
    def speed(self) -> float | None:
        """Seconds of output for each second, or None before ten seconds have passed."""
        if len(self._reports) < self._REPORTS:
            return None
        (began, from_s), (ended, to_s) = self._reports[0], self._reports[-1]
        return (to_s - from_s) / (ended - began) if ended > began else None
