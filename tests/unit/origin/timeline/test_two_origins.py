"""Two origins in simulated time: whatever goes wrong, a segment's name means one thing, and nothing goes back."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from panocast.feed import Feed
from tests.unit.origin.timeline.checks import (
    everything_told_in_time,
    goes_on,
    names_mean_the_same,
    no_seam,
    on_one_timeline,
    seams,
)
from tests.unit.origin.timeline.faults import GOPS, KINDS, REGULAR, Fault, moving, play
from tests.unit.origin.timeline.simulator import WALL_MS, Connection, Origin, Source, World

# A failing example is small enough as it comes; shrinking simulated minutes takes real ones.
QUICK = settings(derandomize=True, phases=[Phase.explicit, Phase.generate])


@settings(QUICK, max_examples=30)
@given(
    gops_ms=st.sampled_from(GOPS), zeros=st.tuples(*2 * [st.integers(0, 4_000_000)]),
    starts=st.one_of(st.tuples(*2 * [st.integers(0, 500)]), st.tuples(*2 * [st.integers(0, 8000)])),
    latencies=st.tuples(*2 * [st.integers(0, 300)]), skew_ms=st.integers(-30_000, 30_000),
    feed_ms=st.integers(1, 150), jitter_ms=st.sampled_from([0, 0, 1]), told_by_segment=st.booleans(),
)  # fmt: skip
def test_without_faults_both_are_on_one_timeline_and_no_viewer_sees_a_seam(
    gops_ms: list[int], zeros: tuple[int, int], starts: tuple[int, int], latencies: tuple[int, int],
    skew_ms: int, feed_ms: int, jitter_ms: int, told_by_segment: bool,
) -> None:  # fmt: skip
    source = moving(gops_ms, 32_000)
    world = World(skew_ms=skew_ms, feed_ms=feed_ms, told_by_segment=told_by_segment)
    for origin, zero, start, latency in zip(world.origins, zeros, starts, latencies, strict=True):
        world.publish(origin, Connection(source, start, 40_000, zero, latency, jitter_ms=jitter_ms))
    world.run(32_000)
    for origin in world.origins:
        goes_on(origin.told)
        no_seam(origin)
    names_mean_the_same(world, source, jitter_ms)
    on_one_timeline(world, max(starts) + 2 * max(gops_ms) + 2000, 26_000, jitter_ms)


@settings(QUICK, max_examples=16)
@given(
    seed=st.integers(0, 10**6), gops_ms=st.sampled_from(GOPS),
    faults=st.lists(
        st.builds(Fault, st.sampled_from(KINDS), st.integers(0, 1), st.integers(10_000, 35_000),
                  st.integers(100, 12_000)), min_size=1, max_size=4,
    ),
)  # fmt: skip
def test_whatever_fails_names_stay_true_nothing_goes_back_and_both_come_together_again(
    seed: int, gops_ms: list[int], faults: list[Fault]
) -> None:
    world, source = play(seed, gops_ms, faults, 80_000)
    for origin in world.origins:
        goes_on(origin.told)
    names_mean_the_same(world, source)
    on_one_timeline(world, max(fault.at_ms + fault.for_ms for fault in faults) + 20_000, 75_000)


@settings(QUICK, max_examples=15)
@given(
    seed=st.integers(0, 10**6), gops_ms=st.sampled_from(REGULAR),
    faults=st.lists(
        st.builds(Fault, st.sampled_from(["merged", "hole", "parted", "reconnect"]), st.integers(0, 1),
                  st.integers(15_000, 25_000), st.integers(100, 8000)), min_size=1, max_size=3,
    ),
)  # fmt: skip
def test_lost_keyframes_do_not_shift_the_numbers(seed: int, gops_ms: list[int], faults: list[Fault]) -> None:
    world, source = play(seed, gops_ms, faults, 60_000)
    for origin in world.origins:
        goes_on(origin.told)
    names_mean_the_same(world, source)
    on_one_timeline(world, 45_000, 54_000)


PICTURES: dict[str, Callable[[int], int]] = {
    "one picture": lambda i: 1,
    "two in turn, as x264 makes of one": lambda i: i % 2,
    "a loop of seven": lambda i: i % 7,
    "slides": lambda i: i // 6,
    "moving, then black": lambda i: min(i, 8),
    "black, then moving": lambda i: max(i, 8),
}


@pytest.mark.parametrize("pictures", PICTURES.values(), ids=PICTURES)
@settings(QUICK, max_examples=5)
@given(
    gops_ms=st.sampled_from(GOPS), starts=st.tuples(*2 * [st.integers(0, 12_000)]), seed=st.integers(0, 10**6),
    restart=st.sampled_from(["restart", "memory lost"]),
)  # fmt: skip
def test_repeated_pictures_are_never_taken_for_one_another(
    pictures: Callable[[int], int], gops_ms: list[int], starts: tuple[int, int], seed: int, restart: str
) -> None:
    chance = random.Random(seed)
    moving_source = moving(gops_ms, 50_000)
    count = len(moving_source.starts)
    shown = Source(moving_source.starts, [f"{pictures(i):016x}" for i in range(count)])
    world = World(feed_ms=chance.randint(1, 100), told_by_segment=chance.random() < 0.5)
    for origin, start in zip(world.origins, starts, strict=True):
        latency_ms = 50 + chance.randint(0, min(gops_ms) // 5)
        world.publish(origin, Connection(shown, start, 60_000, chance.randint(0, 10**6), latency_ms))
    world.restart(world.origins[seed % 2], 25_000, 3000, keep=restart == "restart")
    world.run(50_000)
    for origin in world.origins:
        goes_on(origin.told)
    assert names_mean_the_same(world, moving_source), "nothing in common"
    on_one_timeline(world, 40_000, 45_000)


def both(
    world: World,
    source: Source,
    starts: tuple[int, int] = (0, 0),
    until_ms: int = 10**6,
    latencies: tuple[int, int] = (50, 80),
) -> None:
    for origin, start, zero, latency in zip(world.origins, starts, (123, 98_765), latencies, strict=True):
        world.publish(origin, Connection(source, start, until_ms, zero, latency))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("away_ms", [200, 4000, 15_000])
def test_a_restarted_agent_goes_on_without_a_seam_with_the_peers_numbers(which: int, away_ms: int) -> None:
    world, source = World(skew_ms=30_000), moving([2000], 60_000)
    both(world, source)
    world.restart(world.origins[which], 20_500, away_ms)
    world.run(60_000)
    for origin in world.origins:
        goes_on(origin.told)
        no_seam(origin)
        assert {told.plan.timeline for told in origin.told} == {world.primary.told[0].plan.timeline}
    on_one_timeline(world, 2000, 52_000)
    missed = [told.start_ms for told in world.origins[which].told if told.plan.hole]
    assert missed[0] == 20_000
    assert missed == list(range(20_000, 20_000 + 2000 * len(missed), 2000))


def test_a_restarted_agent_waits_for_a_peer_that_is_behind() -> None:
    world, source = World(), moving([2000], 50_000)
    both(world, source, latencies=(50, 2600))
    world.restart(world.primary, 20_500, 1000)
    world.run(50_000)
    goes_on(world.primary.told)
    no_seam(world.primary)
    assert len({told.plan.timeline for told in world.primary.told}) == 1
    assert [told.start_ms for told in world.primary.told if told.plan.hole] == [20_000]


def test_a_lone_agent_that_restarts_goes_on_without_a_seam() -> None:
    world, source = World(), moving([2000], 40_000)
    world.publish(world.primary, Connection(source, 0, 40_001, 500))
    world.restart(world.primary, 20_500, 7000)
    world.run(40_000)
    goes_on(world.primary.told)
    no_seam(world.primary)
    assert [told.start_ms for told in world.primary.told if told.plan.hole] == [20_000, 22_000, 24_000, 26_000]
    assert everything_told_in_time(world.primary, 300, from_ms=28_000)


@pytest.mark.parametrize("gop_ms", [1000, 500], ids=["", "numbers outrun the seconds"])
@pytest.mark.parametrize("dead", [True, False], ids=["the primary is dead", "the primary lives"])
def test_a_rollover_goes_on_forward_with_one_seam(dead: bool, gop_ms: int) -> None:
    world = World(skew_ms=-30_000, segment_min_ms=gop_ms)
    before, after = moving([gop_ms], 20_500), moving([gop_ms], 45_000, first=500, begin_ms=22_000)
    world.publish(world.primary, Connection(before, 0, 20_500, 77))
    world.publish(world.backup, Connection(before, 0, 20_500, 88))
    if dead:
        world.restart(world.primary, 20_600, 10**6)
    world.publish(world.backup, Connection(after, 22_000, 45_001, 9))
    world.run(45_000)
    goes_on(world.backup.told)
    first = seams(world.backup)[0]
    assert first.start_ms == 22_000
    assert first.told_ms < 23_000 + 500, "viewers waited"
    assert first.plan.number == world.primary.told[-1].plan.number + 1
    assert first.plan.timeline != world.primary.told[-1].plan.timeline
    assert len(seams(world.backup)) == 1


def test_a_backup_that_never_had_the_stream_goes_on_behind_what_it_heard_of_the_primary() -> None:
    world = World(skew_ms=-30_000)
    before, after = moving([1000], 20_500), moving([1000], 45_000, first=500, begin_ms=22_000)
    world.publish(world.primary, Connection(before, 0, 20_500, 77))
    world.publish(world.backup, Connection(Source([0], ["0" * 16]), 0, 20_400, 88))
    world.publish(world.backup, Connection(after, 22_000, 45_001, 9))
    world.run(45_000)
    last, first = world.primary.told[-1].plan, world.backup.told[0].plan
    assert first.number == last.number + 1
    assert first.date_ms >= last.date_ms + last.duration_ms
    assert (first.discontinuity, first.discontinuity_sequence) == (True, last.discontinuity_sequence + 1)


def test_an_encoder_that_comes_back_to_one_origin_only_is_no_seam_there() -> None:
    world, source = World(skew_ms=5000), moving([1000], 60_000)
    world.publish(world.backup, Connection(source, 0, 60_001, 88))
    world.publish(world.primary, Connection(source, 0, 20_500, 77))
    world.publish(world.primary, Connection(source, 25_300, 60_001, 25_300))
    world.run(60_000)
    for origin in world.origins:
        goes_on(origin.told)
        no_seam(origin)
    on_one_timeline(world, 2000, 55_000)


def test_both_connections_new_make_one_seam_on_both() -> None:
    world = World(skew_ms=5000)
    both(world, moving([1000], 20_500), until_ms=20_500)
    both(world, moving([1000], 60_000, first=900, begin_ms=24_000), starts=(24_000, 24_000))
    world.run(60_000)
    for origin in world.origins:
        goes_on(origin.told)
        assert len(seams(origin)) == 1
    on_one_timeline(world, 24_000, 55_000)


@pytest.mark.parametrize("both_end", [True, False])
def test_both_tell_one_target_duration_in_the_next_event_too(both_end: bool) -> None:
    world = World(skew_ms=5000)
    both(world, Source.of([2000, 2000, 10_000, 2000, 2000], range(1, 7)), until_ms=20_000)
    for origin, at_ms in zip(world.origins[: 1 + both_end], (90_000, 91_500), strict=False):
        world.at(at_ms, origin.end)
    both(world, moving([2000], 150_000, first=900, begin_ms=92_000), starts=(92_000, 97_000))
    world.run(140_000)
    for origin in world.origins:
        goes_on(origin.told)
        assert origin.timeline.target_duration_s == (2 if both_end else 10), origin.role
    on_one_timeline(world, 100_000, 135_000)


@pytest.mark.parametrize(("skew_ms", "gop_ms"), [(-30_000, 2000), (0, 2000), (30_000, 2000), (-30_000, 400), (0, 400)])
def test_two_that_began_apart_come_together_as_soon_as_they_hear_each_other(skew_ms: int, gop_ms: int) -> None:
    world, source = World(skew_ms=skew_ms), moving([gop_ms], 60_000)
    for origin in world.origins:
        world.part(origin, 0, 30_000)
    both(world, source, starts=(0, 9100))
    world.run(60_000)
    for origin in world.origins:
        goes_on(origin.told)
        assert len(seams(origin)) <= 2
    assert not [t for origin in world.origins for t in seams(origin) if t.told_ms > 40_000], "they flap"
    on_one_timeline(world, 40_000, 55_000)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("gops_ms", "lost"),
    [([2000], {"merged": frozenset([8])}), ([1000, 300, 1700, 2000], {"holes": frozenset(range(16, 21))})],
    ids=["a keyframe", "some GOPs"],
)
def test_what_one_loses_while_they_cannot_hear_each_other_is_given_no_name_of_the_others(
    which: int, gops_ms: list[int], lost: dict[str, Any]
) -> None:
    world, source = World(), moving(gops_ms, 50_000)
    for origin in world.origins:
        world.part(origin, 12_000, 15_000)
        what: dict[str, Any] = lost if origin is world.origins[which] else {}
        world.publish(origin, Connection(source, 0, 50_001, 5, **what))
    world.run(50_000)
    for origin in world.origins:
        goes_on(origin.told)
    names_mean_the_same(world, source)
    assert world.origins[0].told[-1].plan.timeline == world.origins[1].told[-1].plan.timeline
    on_one_timeline(world, 38_000, 45_000)


def test_where_both_guess_at_one_place_their_guesses_have_names_of_their_own() -> None:
    faults = [
        Fault("hole", 1, 44_592, 0),
        *(Fault("restart", 0, 27_900, 9081), Fault("restart", 0, 39_250, 394)),
        Fault("hole", 1, 38_122, 0),
    ]
    world, source = play(45_518, [1000, 300, 1700, 2000], faults, 70_000)
    for origin in world.origins:
        goes_on(origin.told)
    names_mean_the_same(world, source)


def test_a_name_that_an_origin_gave_before_it_lost_its_memory_is_not_given_again() -> None:
    """The peer missed just those GOPs, and meets the new timeline behind them."""
    world, source = World(), moving([2000], 40_000)
    world.publish(world.primary, Connection(source, 0, 40_001, 5))
    world.publish(world.backup, Connection(source, 0, 40_001, 9, holes=frozenset([6, 7])))
    world.restart(world.primary, 15_600, 200, keep=False)
    world.run(40_000)
    for origin in world.origins:
        goes_on(origin.told)
    names_mean_the_same(world, source)
    on_one_timeline(world, 20_000, 35_000)


def test_a_keyframe_every_frame() -> None:
    world, source = World(feed_ms=60, told_by_segment=True), moving([40], 22_000)
    both(world, source, starts=(0, 7000))
    world.restart(world.primary, 12_000, 2000)
    world.run(22_000)
    for origin in world.origins:
        goes_on(origin.told)
        no_seam(origin)
    on_one_timeline(world, 16_000, 20_000)


def test_a_backup_that_waits_keeps_every_frame_that_came() -> None:
    world, source = World(), moving([40], 12_000)
    world.publish(world.primary, Connection(Source([0], ["0" * 16]), 0, 12_001, 1))
    world.publish(world.backup, Connection(source, 0, 12_001, 2))
    world.run(12_000)
    assert world.backup.told[0].start_ms == 0
    assert 3000 <= world.backup.told[0].told_ms <= 3500


def test_a_segment_of_the_peer_that_is_absurdly_long_is_not_waited_for() -> None:
    world, source = World(), moving([1000], 30_000)
    longest = 550_000
    both(world, source)
    world.at(10_500, lambda: setattr(world.primary, "nonsense", stretch(longest)))
    world.run(30_000)
    goes_on(world.backup.told)
    assert everything_told_in_time(world.backup, 500, from_ms=5000)


def stretch(duration_ms: int) -> Callable[[Feed], Feed]:
    def stretched(feed: Feed) -> Feed:
        *before, last = feed.segments
        return feed.model_copy(update={"segments": (*before, last.model_copy(update={"duration_ms": duration_ms}))})

    return stretched


def test_two_encoders_of_one_name_keep_their_own_timelines() -> None:
    world = World()
    first, second = moving([1000], 40_000), moving([1000], 40_000, first=5000)
    world.publish(world.primary, Connection(first, 0, 40_001, 1))
    world.publish(world.backup, Connection(second, 0, 40_001, 2))
    world.run(40_000)
    for origin in world.origins:
        goes_on(origin.told)
    no_seam(world.primary)
    assert len(seams(world.backup)) == 1
    names = [{(t.plan.timeline, t.plan.number) for t in origin.told} for origin in world.origins]
    assert not names[0] & names[1]


def absurdities(feed: Feed, chance: random.Random) -> Feed:
    kind = chance.randint(0, 6)
    keys, segments = feed.keyframes, feed.segments
    far_ms = chance.choice([-1, 1]) * chance.randint(700_000, 80 * 365 * 86_400_000)
    if kind == 0:
        segments = tuple(s.model_copy(update={"number": s.number + 10**9}) for s in segments)
    elif kind == 1:
        segments = tuple(s.model_copy(update={"date_ms": s.date_ms + far_ms}) for s in segments)
        keys = tuple(k.model_copy(update={"date_ms": k.date_ms + far_ms}) for k in keys)
        return feed.model_copy(update={"segments": segments, "keyframes": keys, "zero_ms": feed.zero_ms + far_ms})
    elif kind == 2:
        keys = tuple(reversed(keys)) if len(keys) > 1 else (*keys, *keys)
    elif kind == 3:
        segments = tuple(reversed(segments)) if len(segments) > 1 else (*segments, *segments)
    elif kind == 4:
        return feed.model_copy(update={"zero_ms": WALL_MS + 10**9, "timeline": "0" * 8})
    elif kind == 5:
        segments = tuple(s.model_copy(update={"discontinuity_sequence": 10**12}) for s in segments)
    else:
        return feed.model_copy(update={"name": "another"})
    return feed.model_copy(update={"segments": segments, "keyframes": keys})


@settings(QUICK, max_examples=10)
@given(seed=st.integers(0, 10**6), gops_ms=st.sampled_from(GOPS))
def test_a_peer_that_talks_nonsense_does_no_harm(seed: int, gops_ms: list[int]) -> None:
    chance = random.Random(seed)
    world, source = World(), moving(gops_ms, 40_000)
    world.backup.nonsense = lambda feed: absurdities(feed, chance) if feed.segments or feed.keyframes else feed
    both(world, source, starts=(0, 100))
    world.restart(world.primary, 20_000, 1000)
    world.run(40_000)
    goes_on(world.primary.told)
    told: Origin = world.primary
    assert everything_told_in_time(told, 11_000, from_ms=2 * max(gops_ms))
    last = told.told[-1]
    assert abs(last.plan.date_ms - WALL_MS - last.start_ms) < 1000, "its date was believed"
    assert last.plan.number < (WALL_MS + 100_000) // 1000
    no_seam(told)
