"""What one recording of an event lacks and its partner has, to the frame: a pure function of the parts of both.

Each recording has a clock of its own. What relates them are keyframes: the same one is the same bytes in both, so one
whose mark occurs once in each says where a moment of the one is on the clock of the other. From there both count alike,
as long as neither has a gap: a seam, where its encoder came back, or a hole where a part cannot be decoded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from transcoder.encode import Span
from transcoder.markers import PartMarker
from transcoder.publish import SMALLEST_HOLE_S

Parts = Mapping[int, PartMarker]

# Clocks in milliseconds round; half a frame at 120 per second is still more.
SLACK_S = 0.004


@dataclass(frozen=True, slots=True)
class Patch:
    """A stretch of the partner's part `source`, `span` on its clock, that comes before our part `before` and starts
    at `start_s` on the clock of the completed recording."""

    before: int
    source: int
    span: Span
    start_s: float


@dataclass(frozen=True, slots=True)
class Score:
    """The completed recording: patches in their order, and by how much each of our parts is later than it was."""

    patches: tuple[Patch, ...] = ()
    later_s: Mapping[int, float] | None = None


@dataclass(frozen=True, slots=True)
class _Anchor:
    """The same keyframe on both clocks."""

    ours_s: float
    theirs_s: float


@dataclass(frozen=True, slots=True)
class _Run:
    """Parts without a gap between them, from number `first` to `last`."""

    span: Span
    first: int
    last: int

    @property
    def numbers(self) -> range:
        """The numbers of its parts."""
        return range(self.first, self.last + 1)


def complete(ours: Parts, our_seams: Collection[int], theirs: Parts, their_seams: Collection[int]) -> Score:
    """How our recording becomes complete by the partner's; a Score without patches where it has nothing to add, or
    where no keyframe tells where it belongs."""
    anchors = _anchors(ours, theirs)
    if not anchors:
        return Score()
    our_runs, their_runs = _runs(ours, our_seams), _runs(theirs, their_seams)
    step_s = 1 / float(next(part for _, part in _good(ours)).frame_rate)
    known = {mark for _, part in _good(theirs) for _, mark in part.marks}
    foreign = {run.first for run in our_runs if not known & {mark for n in run.numbers for _, mark in ours[n].marks}}
    patches: list[Patch] = []
    later_s: dict[int, float] = {}
    shift_s, used_s = 0.0, their_runs[0].span.start_s
    for before, after in pairwise([None, *our_runs, None]):
        missed = _missed(before, after, anchors, their_runs, foreign)
        found: list[Patch] = []
        if missed:
            number = after.first if after else our_runs[-1].last + 1
            start_s = before.span.end_s if before else our_runs[0].span.start_s
            missed = Span(max(missed.start_s, used_s), missed.end_s)
            found = _cover(theirs, missed, number, start_s + shift_s, step_s)
        if found:
            used_s = missed.end_s if missed else used_s
            patches += found
        if found and after:
            moved_s = found[-1].start_s + found[-1].span.duration_s - after.span.start_s
            # Less than a frame is rounding: then nothing needs to be moved.
            shift_s = shift_s if abs(moved_s - shift_s) < step_s else moved_s
        if after:
            later_s |= dict.fromkeys(after.numbers, shift_s)
    return Score(tuple(patches), later_s) if patches else Score()


def _missed(
    before: _Run | None,
    after: _Run | None,
    anchors: Sequence[_Anchor],
    their_runs: Sequence[_Run],
    foreign: Collection[int],
) -> Span | None:
    """What of the partner's clock lies between two runs of ours, or before the first, or after the last.

    A run of which the partner has nothing says nothing: then what the partner has without a gap is all of it.
    """
    begin_s = _end_there(before, anchors, their_runs) if before else their_runs[0].span.start_s
    end_s = _start_there(after, anchors, their_runs) if after else their_runs[-1].span.end_s
    if begin_s is None and end_s is not None and before and after and before.first in foreign:
        begin_s = _run_at(their_runs, end_s - SLACK_S).span.start_s
    if end_s is None and begin_s is not None and before and after and after.first in foreign:
        end_s = _run_at(their_runs, begin_s - SLACK_S).span.end_s
    return None if begin_s is None or end_s is None else Span(begin_s, end_s)


def _good(parts: Parts) -> list[tuple[int, PartMarker]]:
    return [(number, part) for number, part in sorted(parts.items()) if part.failed is None]


def _anchors(ours: Parts, theirs: Parts) -> list[_Anchor]:
    """The keyframes that both have and none has twice, in order; none where they are not in one order."""
    found = []
    for parts in (ours, theirs):
        marks = [(mark, at_s) for _, part in _good(parts) for at_s, mark in part.marks]
        counts = Counter(mark for mark, _ in marks)
        found.append({mark: at_s for mark, at_s in marks if counts[mark] == 1})
    anchors = sorted((_Anchor(found[0][m], found[1][m]) for m in found[0].keys() & found[1].keys()), key=_ours)
    in_order = all(one.theirs_s < other.theirs_s for one, other in pairwise(anchors))
    return anchors if in_order else []


def _ours(anchor: _Anchor) -> float:
    return anchor.ours_s


def _runs(parts: Parts, seams: Collection[int]) -> list[_Run]:
    runs: list[_Run] = []
    for number, part in _good(parts):
        if runs and number not in seams and number == runs[-1].last + 1:
            hole_s = part.start_s - runs[-1].span.end_s
            if hole_s < SMALLEST_HOLE_S:
                runs[-1] = _Run(Span(runs[-1].span.start_s, part.end_s), runs[-1].first, number)
                continue
        runs.append(_Run(Span(part.start_s, part.end_s), number, number))
    return runs


def _end_there(run: _Run, anchors: Sequence[_Anchor], their_runs: Sequence[_Run]) -> float | None:
    """Where, on the partner's clock, a run of ours ends."""
    anchor = next((a for a in reversed(anchors) if _is_in(run.span, a.ours_s)), None)
    if anchor is None:
        return None
    there = _run_at(their_runs, anchor.theirs_s)
    # Where the partner has a gap before that, it has nothing until after the gap.
    return min(anchor.theirs_s + run.span.end_s - anchor.ours_s, there.span.end_s)


def _start_there(run: _Run, anchors: Sequence[_Anchor], their_runs: Sequence[_Run]) -> float | None:
    """Where, on the partner's clock, a run of ours starts."""
    anchor = next((a for a in anchors if _is_in(run.span, a.ours_s)), None)
    if anchor is None:
        return None
    there = _run_at(their_runs, anchor.theirs_s)
    return max(anchor.theirs_s - (anchor.ours_s - run.span.start_s), there.span.start_s)


def _run_at(runs: Sequence[_Run], at_s: float) -> _Run:
    return next(run for run in reversed(runs) if run.span.start_s - SLACK_S <= at_s)


def _is_in(span: Span, at_s: float) -> bool:
    return span.start_s - SLACK_S <= at_s < span.end_s - SLACK_S


def _cover(theirs: Parts, span: Span, before: int, start_s: float, step_s: float) -> list[Patch]:
    """The partner's frames of a stretch of its clock, part by part, one after the other from `start_s` on."""
    found = []
    for number, part in _good(theirs):
        stretch = Span(max(span.start_s, part.start_s), min(span.end_s, part.end_s))
        if stretch.duration_s < step_s / 2:
            continue
        found.append(Patch(before, number, stretch, start_s))
        start_s += stretch.duration_s
    return found
