"""Where an upload is cut: the length of parts, the keyframes they begin at, and the ffmpeg that cuts them, all pure.

A part begins at a keyframe. In an *open* GOP, frames that follow the keyframe in the file are shown before it and
refer to the GOP before: such a part carries that GOP in front, to be decoded and not shown (panocast.mp4.write_edit).
So parts may overlap in the file; those that do are written by two outputs of one ffmpeg, which reads the file once.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from panocast.ffmpeg import Input, Options, Output, command
from panocast.probe import input_options

SHORTEST_PART_S, LONGEST_PART_S = 10.0, 60.0
PARTS_PER_SLOT = 3
# Fine enough for every usual frame rate; ffmpeg's own 1000 rounds a part's place to the millisecond.
MOVIE_TIMESCALE = 90_000
SOUND = "sound.mka"
# Where second 0 of the file's clock stands in there: Matroska has no place for the encoder's delay before it.
SOUND_ORIGIN_S = 10
_KEY, _DISCARD = 0x1, 0x4
_NO_TIME = -(1 << 63)


def part_length_s(duration_s: float, slots: int, fixed_s: float | None = None) -> float:
    """How long the parts of an upload should be, in seconds, when `slots` of them are encoded at once.

    Three for each slot, so that none waits long for the last; at least 10 s, since each start costs a little; at most
    60 s, since an interruption costs a part. `fixed_s` overrides.
    """
    if fixed_s is not None:
        return fixed_s
    return min(max(duration_s / (PARTS_PER_SLOT * slots), SHORTEST_PART_S), LONGEST_PART_S)


@dataclass(frozen=True, slots=True)
class Packet:
    """One frame as the file holds it; times in seconds. `shown` is False for what the file's own edit list skips, or
    gives no time."""

    pts_s: Fraction
    dts_s: Fraction
    duration_s: Fraction
    key: bool
    shown: bool = True


def read_packets(lines: Iterable[str]) -> Iterator[Packet]:
    """The packets that ffmpeg's framecrc muxer lists (`scan_argv`), in the file's order."""
    base = Fraction(1)
    for line in lines:
        if line.startswith("#tb 0:"):
            base = Fraction(line.partition(":")[2].strip())
        elif not line.startswith("#"):
            # Stream, DTS, PTS, duration, size, checksum; flags only where they are other than "key".
            words = [word.strip() for word in line.split(",")]
            flags = next((int(word[2:], 16) for word in words[6:] if word.startswith("F=")), _KEY)
            dts, pts, duration = (int(word) for word in words[1:4])
            shown = not flags & _DISCARD and pts != _NO_TIME
            yield Packet(pts * base, dts * base, duration * base, bool(flags & _KEY), shown)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the file: its packets (first, one past the last), and what is shown of it, in seconds on the file's
    clock. `lead_s`, where it is not 0, is how much of it (from its first decoding time) is decoded only."""

    first: int
    end: int
    start_s: Fraction
    end_s: Fraction
    lead_s: Fraction = Fraction(0)


def plan_parts(packets: Iterable[Packet], part_s: float) -> list[Stretch]:
    """The parts of a file: even in length, as near to `part_s` as its keyframes allow."""
    gops, total, end_s = _read_gops(packets)
    if not gops:
        return []
    begin_s = gops[0].start_s
    # What is decoded only must lie after 0: there, ffmpeg writes an edit list that can be changed.
    possible = [i for i, gop in enumerate(gops) if not gop.open or (i and gops[i - 1].head.pts_s > 0)]
    # No more than there are places to cut at: a damaged file may claim any length.
    count = max(1, min(len(possible), math.ceil(float(end_s - begin_s) / part_s - 0.1)))
    starts_s = [gops[index].start_s for index in possible]
    chosen = [0]
    for number in range(1, count):
        nearest = possible[_nearest(starts_s, begin_s + (end_s - begin_s) * number / count)]
        if nearest > chosen[-1]:
            chosen.append(nearest)
    stretches = []
    for index, following in pairwise([*chosen, len(gops)]):
        gop = gops[index]
        end = gops[following].first if following < len(gops) else total
        shown_until_s = gops[following].start_s if following < len(gops) else end_s
        if gop.open and index:
            before = gops[index - 1]
            lead_s = gop.start_s - before.head.dts_s
            stretches.append(Stretch(before.first, end, gop.start_s, shown_until_s, lead_s))
        else:
            stretches.append(Stretch(gop.first, end, gop.start_s, shown_until_s))
    return stretches


def _nearest(ascending: Sequence[Fraction], wanted: Fraction) -> int:
    """The index of the value next to `wanted`, of two as near the first."""
    after = bisect(ascending, wanted)
    choice = range(max(0, after - 1), min(len(ascending), after + 1))
    return min(choice, key=lambda index: abs(ascending[index] - wanted))


@dataclass(frozen=True, slots=True)
class _Gop:
    """A keyframe and what follows it in the file: its first packet and the number of that, when its first frame is
    shown, whether frames of it are shown before the keyframe."""

    first: int
    head: Packet
    start_s: Fraction
    open: bool


def _read_gops(packets: Iterable[Packet]) -> tuple[list[_Gop], int, Fraction]:
    """The GOPs at which a file can be cut (one whose frames do not all come after the one before is part of that), how
    many packets it has, and when its last frame ends. No more than a GOP's packets are kept: a day has millions."""
    found: list[_Gop] = []
    total, end_s, head = 0, Fraction(_NO_TIME), None
    for group in _groups(packets):
        head = head or group[0]
        shown = [packet for packet in group if packet.shown]
        start_s = min((packet.pts_s for packet in shown), default=None)
        if start_s is not None and not found:
            found.append(_Gop(0, head, start_s, start_s < group[0].pts_s))
        elif start_s is not None and start_s > found[-1].start_s:
            found.append(_Gop(total, group[0], start_s, start_s < group[0].pts_s))
        total += len(group)
        end_s = max([end_s, *(packet.pts_s + packet.duration_s for packet in shown)])
    return found, total, end_s


def _groups(packets: Iterable[Packet]) -> Iterator[list[Packet]]:
    """Each keyframe with what follows it in the file."""
    group: list[Packet] = []
    for packet in packets:
        if packet.key and group:
            yield group
            group = []
        group.append(packet)
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class Lane:
    """One output of the cut: the packets before which it starts a new file, and which of its files are parts."""

    cuts: tuple[int, ...]
    parts: tuple[tuple[int, Stretch], ...]

    def file_of(self, stretch: Stretch) -> int:
        """The number of the file that holds a stretch, counted from 0."""
        return [0, *self.cuts].index(stretch.first)


def lanes(stretches: Sequence[Stretch]) -> list[Lane]:
    """Outputs in each of which no two parts overlap: one where no part has a lead, two where some have."""
    filled: list[list[tuple[int, Stretch]]] = []
    for item in enumerate(stretches, 1):
        lane = next((lane for lane in filled if lane[-1][1].end <= item[1].first), None)
        if lane is None:
            filled.append(lane := [])
        lane.append(item)
    total = stretches[-1].end if stretches else 0
    return [
        Lane(tuple(sorted({at for _, s in lane for at in (s.first, s.end)} - {0, total})), tuple(lane))
        for lane in filled
    ]


def scan_argv(url: str, container: str, *, max_pixels: int, sound: bool) -> list[str]:
    """List every video packet of a file in `packets.txt`, with the times that a cut will see."""
    source = Input(url, input_options(container, max_pixels=max_pixels))
    outputs = [Output("packets.txt", "copy", audio=False, options={"c": "copy", "f": "framecrc"})]
    if sound:
        # The clock starts at the first packet of all tracks that are read: it must be the same ones here and there.
        outputs.append(Output("-", None, audio=True, options={"c": "copy", "f": "null"}))
    return command(source, outputs)


def cut_argv(url: str, container: str, muxer: str, cuts: Sequence[Lane], *, max_pixels: int, sound: bool) -> list[str]:
    """Cut a file's pictures into `cut/LANE-00000.mp4` … and put its sound, whole, into `sound.mka`; nothing is encoded.

    Parts keep their place on one clock that starts at 0; `muxer` is mp4, or mov for codecs that MP4 does not hold.
    """
    source = Input(url, input_options(container, max_pixels=max_pixels))
    outputs = [Output(f"cut/{number}-%05d.mp4", "copy", False, _lane(muxer, lane)) for number, lane in enumerate(cuts)]
    if sound:
        # Apart from the pictures: no cut goes through it, so that none can be heard. In Matroska, because that holds
        # every codec, and pauses in it, which MOV loses for PCM.
        options: Options = {"c": "copy", "f": "matroska", "output_ts_offset": SOUND_ORIGIN_S, **_AS_IT_IS}
        outputs.append(Output(SOUND, None, audio=True, options=options))
    return command(source, outputs)


_AS_IT_IS: Options = {
    "avoid_negative_ts": "disabled",  # nobody moves the clock
    # Spherical metadata in MP4 is "unofficial", some codecs in MP4 "experimental" to this ffmpeg.
    "strict": "experimental",
}


def _lane(muxer: str, lane: Lane) -> Options:
    return {
        "c": "copy",
        "f": "segment",
        # Numbers of packets, because times would be rounded; the last one is never reached (without any, ffmpeg would
        # cut every two seconds).
        "segment_frames": ",".join(str(at) for at in [*lane.cuts, 2**31 - 2]),
        "segment_format": muxer,
        "segment_format_options": f"movie_timescale={MOVIE_TIMESCALE}",
        "reset_timestamps": 0,  # each part carries its start in its own timestamps
        **_AS_IT_IS,
    }
