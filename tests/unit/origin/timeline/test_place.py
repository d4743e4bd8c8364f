"""Two places that meet become one, whatever they were, and neither ever goes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from origin.timeline.marks import Marks
from origin.timeline.place import Place, meet

PLACES = st.builds(
    Place,
    timeline=st.sampled_from(["0000000a", "0000000b", "0000000c"]),
    zero_ms=st.sampled_from([0, 1000, 2000]),
    offset_ms=st.sampled_from([5000, 5001, 6000, 35_000]),
    number=st.integers(10, 13),
    start_ms=st.just(0),
    discontinuity=st.booleans(),
    discontinuity_sequence=st.integers(0, 3),
)


def as_marks(place: Place) -> Marks:
    return Marks(place.timeline, place.zero_ms, place.offset_ms, (0,), (place.number,), (place.discontinuity_sequence,))


@given(PLACES, PLACES)
def test_two_places_become_one_and_neither_goes_back(first: Place, second: Place) -> None:
    places = [first, second]
    for step in range(6):
        which = step % 2
        before, other = places[which], places[1 - which]
        after = places[which] = meet(before, as_marks(other), 0)
        assert after.number >= before.number
        assert after.offset_ms >= before.offset_ms - 2
        assert after.discontinuity_sequence >= before.discontinuity_sequence
        if (after.number, after.offset_ms - after.zero_ms) != (before.number, before.offset_ms - before.zero_ms):
            assert after.discontinuity
    one, two = places
    assert (one.timeline, one.number) == (two.timeline, two.number)
    assert abs(one.offset_ms - two.offset_ms) <= 2
    assert [meet(one, as_marks(two), 0), meet(two, as_marks(one), 0)] == [one, two], "they never rest"


def test_a_new_id_on_the_same_clock_is_no_seam() -> None:
    place = Place("0000000b", 0, 5000, 10, 0, False, 1)
    forked = place.fork("primary")
    assert len({place.timeline, forked.timeline, place.fork("backup").timeline}) == 3
    back = meet(forked, as_marks(place), 0)
    assert not back.discontinuity
    assert back.timeline == meet(place, as_marks(forked), 0).timeline
