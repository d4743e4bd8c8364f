"""What goes into a timeline and what comes out: GOPs of the source in, segments with their place in time out."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from origin.timeline.news import Floor
from origin.timeline.place import Place


@dataclass(frozen=True, slots=True)
class Gop:
    """One complete GOP of the passed-through source: milliseconds on the clock of the encoder's present connection,
    the end being the next keyframe's start; the fingerprint of its keyframe's bytes."""

    start_ms: int
    end_ms: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """One complete segment: what begins at `start_ms` or later and before `end_ms` (source clock) belongs to it.

    Its date is `start_ms + offset_ms`, media time in it `time + offset_ms - zero_ms`. Numbers and dates of consecutive
    plans join without a gap except at a `discontinuity`, where the number may jump forward, too (a playlist then starts
    afresh: its numbers have to be consecutive). A `hole` was not received whole: it has a number and a duration and no
    frames, whatever came in its time (EXT-X-GAP). The timeline's id may change without a discontinuity.
    """

    timeline: str
    number: int
    start_ms: int
    end_ms: int
    offset_ms: int
    zero_ms: int
    discontinuity: bool
    discontinuity_sequence: int
    hole: bool = False

    @classmethod
    def at(cls, place: Place, end_ms: int, *, hole: bool) -> SegmentPlan:
        """The segment that stands at a place and ends here."""
        return cls(
            place.timeline,
            place.number,
            place.start_ms,
            end_ms,
            place.offset_ms,
            place.zero_ms,
            place.discontinuity,
            place.discontinuity_sequence,
            hole,
        )

    @property
    def date_ms(self) -> int:
        """The date of its start, on the timeline's clock."""
        return self.start_ms + self.offset_ms

    @property
    def duration_ms(self) -> int:
        """How long it lasts."""
        return self.end_ms - self.start_ms


class SavedTimeline(BaseModel):
    """What an agent writes to disk so that its next life goes on: where the next segment stands (`end_ms` is its date),
    how source times become dates on the present connection (`offset_ms`, None between two), and the floor: the highest
    number, date and discontinuity sequence known of either origin."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    timeline: str = Field(pattern=r"^[0-9a-f]{8}$")
    zero_ms: int
    number: int = Field(ge=0)
    end_ms: int
    discontinuity: bool
    discontinuity_sequence: int = Field(ge=0)
    offset_ms: int | None
    target_duration_s: int = Field(ge=0, le=600)
    segment_ms: int = Field(gt=0)
    peer: Floor

    @classmethod
    def of(cls, place: Place, target_duration_s: int, segment_ms: int, peer: Floor) -> SavedTimeline:
        """All of a timeline whose next segment stands at `place`."""
        return cls(
            timeline=place.timeline,
            zero_ms=place.zero_ms,
            number=place.number,
            end_ms=place.date_ms,
            discontinuity=place.discontinuity,
            discontinuity_sequence=place.discontinuity_sequence,
            offset_ms=place.offset_ms,
            target_duration_s=target_duration_s,
            segment_ms=segment_ms,
            peer=peer,
        )

    def left(self, peer: Floor) -> SavedTimeline:
        """The same between two connections of the encoder, with what the peer has published since."""
        return self.model_copy(update={"offset_ms": None, "peer": peer})

    def ended(self) -> SavedTimeline:
        """The same behind the end of its playlists: those of another event have a target duration of their own."""
        return self.model_copy(update={"target_duration_s": 0})

    def at(self, start_ms: int, offset_ms: int) -> Place:
        """The place of the next segment on a source's clock."""
        return Place(
            self.timeline,
            self.zero_ms,
            offset_ms,
            self.number,
            start_ms,
            self.discontinuity,
            self.discontinuity_sequence,
        )

    @property
    def place(self) -> Place | None:
        """The place of the next segment if the encoder's connection is still the same."""
        return None if self.offset_ms is None else self.at(self.end_ms - self.offset_ms, self.offset_ms)

    @property
    def floor(self) -> Floor:
        """What this origin has published: a discontinuity that stands before the next segment is not among it."""
        return Floor(self.number, self.end_ms, self.discontinuity_sequence - self.discontinuity)
