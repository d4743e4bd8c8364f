"""One stream's package: every rung on one timeline, with one sound, over whatever the source does."""

from __future__ import annotations

from itertools import pairwise

import pytest

from origin.packager.gops import VideoGop
from origin.packager.package import Identity, Package
from origin.packager.segments import init_segment
from origin.timeline import Timeline
from panocast.feed import FeedSegment, State
from panocast.live_hls import media_playlist, rows_of
from tests.integration.origin.live_checker import read_media
from tests.unit.origin.packager.fmp4 import audio_track, gop, sample, video_track

START_MS = 1_700_000_000_000


class Now:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def package(now: Now) -> Package:
    timeline = Timeline("cam", "primary", segment_min_ms=1000, now_ms=now)
    package = Package(Identity("cam", "primary", "e"), timeline, window_ms=60_000)
    timeline.hear(None)
    package.open_source(video_track(), audio_track())
    package.open_rung(video_track(480), ceiling_bps=500_000)
    return package


def play(package: Package, now: Now, start: int, end: int, *, rungs: bool = True, gop_ms: int = 1000) -> None:
    """The source, its sound and its rung, from one source time to another."""
    for at in range(start, end, gop_ms):
        now.ms += gop_ms
        package.add_sound([sample(n * 48, duration=960) for n in range(at, at + gop_ms, 20)])
        package.add_source(gop(at, at + gop_ms))
        if rungs:
            package.add_rung(480, gop(at, at + gop_ms, width=480))


def listed(package: Package) -> tuple[FeedSegment, ...]:
    return package.feed(0).segments


def test_every_rung_has_the_same_segments_and_the_same_sound(package: Package, now: Now) -> None:
    play(package, now, 0, 5000)
    segments = listed(package)
    assert [set(segment.rungs) for segment in segments] == [{640, 480}] * 5
    assert all(b.number == a.number + 1 and b.date_ms == a.end_ms for a, b in pairwise(segments))
    for segment in segments:
        times = []
        for width in (640, 480):
            data, init = (package.window.file(width, name) for name in (segment.name, segment.rungs[width].init))
            assert data
            assert init == init_segment(video_track(width), audio_track())
            times.append(read_media(init, data).shown_s * 1000)
            assert f"{width} ".encode() in data
            assert data.count(b"frame") == 50, "the sound of this second, no more and no less"
        assert times == [segment.date_ms - package.timeline.zero_ms] * 2


def test_nothing_is_shown_before_it_is_decided_what(package: Package, now: Now) -> None:
    play(package, now, 0, 2000, rungs=False)
    feed = package.feed(0)
    assert (feed.state, feed.rungs) == (State.STARTING, ())
    assert package.ready == {640}
    package.show({640, 480})
    assert [rung.width for rung in package.rungs] == [640]
    package.add_rung(480, gop(0, 1000))
    package.show({640, 480})
    assert [rung.width for rung in package.rungs] == [640, 480]


def test_what_is_told_of_a_rung_is_measured(package: Package, now: Now) -> None:
    play(package, now, 0, 3000)
    package.show({640, 480})
    source, encoded = package.rungs
    assert (source.height, source.frame_rate, source.codecs) == (320, 10.0, "avc1.64001f,mp4a.40.2")
    size = listed(package)[0].rungs[640].size
    assert size * 8 <= source.bandwidth_bps <= size * 8 * 1.21
    average = sum(segment.rungs[640].size for segment in listed(package)) * 8 / 3
    assert source.average_bandwidth_bps == pytest.approx(average, rel=0.15 / 0.85)
    assert encoded.bandwidth_bps >= 500_000, "an encoded rung may take its ceiling at any moment"


def test_a_rung_that_pauses_has_gaps_and_goes_on(package: Package, now: Now) -> None:
    play(package, now, 0, 2000)
    play(package, now, 2000, 4000, rungs=False)
    play(package, now, 4000, 5000)
    text = media_playlist(rows_of(listed(package), 480), target_duration_s=1)
    assert text
    assert text.count("#EXT-X-GAP") == 2
    assert text.count("#EXTINF") == 5
    assert "#EXT-X-DISCONTINUITY\n" not in text


def test_a_new_connection_is_a_seam_and_numbers_go_on(package: Package, now: Now) -> None:
    play(package, now, 5000, 7000)
    before = listed(package)[-1]
    package.connected()
    now.ms += 3000
    play(package, now, 0, 2000)
    first, second = listed(package)[-2:]
    assert (first.discontinuity, second.discontinuity) == (True, False)
    assert first.number == before.number + 1
    assert first.date_ms >= before.end_ms
    assert set(first.rungs) == {640, 480}


def test_what_is_told_after_a_new_connection_is_what_it_sends(package: Package, now: Now) -> None:
    play(package, now, 0, 2000)
    package.show({640})
    assert package.rungs[0].frame_rate == 10
    package.connected()
    assert package.rungs[0].frame_rate == 10, "what is told holds until there is something else"
    now.ms += 1000
    package.add_source(gop(0, 1000, step=50))
    assert package.rungs[0].frame_rate == 20


def test_another_picture_or_sound_is_a_seam_with_an_init_segment_of_its_own(package: Package, now: Now) -> None:
    play(package, now, 0, 2000)
    package.show({640, 480})
    package.open_source(video_track(), audio_track())
    play(package, now, 2000, 3000)
    assert not any(segment.discontinuity for segment in listed(package)), "the same source goes on"
    package.open_source(video_track(800), audio_track())
    for at in (3000, 4000):
        now.ms += 1000
        package.add_source(gop(at, at + 1000, width=800))
    assert [segment.discontinuity for segment in listed(package)][-2:] == [True, False]
    assert set(listed(package)[-1].rungs) == {800}
    assert 640 not in package.ready, "nobody waits for the old picture"
    package.open_source(video_track(800), None)
    now.ms += 1000
    package.add_source(gop(5000, 6000, width=800))
    assert listed(package)[-1].discontinuity
    assert listed(package)[-1].rungs[800].init != listed(package)[-2].rungs[800].init


def test_sound_that_stays_away_leaves_pictures_alone(package: Package, now: Now) -> None:
    play(package, now, 0, 1000)
    now.ms += 1000
    package.add_source(gop(1000, 2000))
    play(package, now, 2000, 3000)
    counts = [(package.window.file(640, segment.name) or b"").count(b"frame") for segment in listed(package)]
    assert counts == [50, 0, 50]


def test_sound_is_not_held_for_ever_and_jumps_with_its_clock(package: Package, now: Now) -> None:
    package.add_sound([sample(n, duration=1) for n in range(50_000)])
    package.add_sound([sample(-(10**9), duration=960)])
    play(package, now, 0, 1000)
    data = package.window.file(640, listed(package)[0].name)
    assert data
    assert data.count(b"frame") == 50


def test_b_frames_shift_the_sound_with_the_decoder_and_lose_none(package: Package, now: Now) -> None:
    """The sound that was sent with a GOP belongs to it: what is shown with its last pictures comes with the next."""
    for at in (0, 1000, 2000):
        now.ms += 1000
        package.add_sound([sample(n * 48, duration=960) for n in range(at, at + 1000, 20)])
        frames = tuple(sample(t, key=t == at, late=67) for t in range(at, at + 1000, 100))
        package.add_source(VideoGop(at + 67, at + 1067, at, at + 1000, frames))
    for segment in listed(package):
        data = package.window.file(640, segment.name)
        assert data
        assert data.count(b"frame") == 50 + 10


def test_of_the_encoded_rungs_only_those_that_are_kept_go_on(package: Package, now: Now) -> None:
    package.open_rung(video_track(320), ceiling_bps=200_000)
    play(package, now, 0, 2000)
    package.keep_rungs({480})
    assert package.ready == {640, 480}, "the source is nobody's to close"
    play(package, now, 2000, 3000)
    assert set(listed(package)[-1].rungs) == {640, 480}
    package.keep_rungs(())
    assert package.ready == {640}


def test_one_that_is_over_holds_nothing_whoever_still_points_at_it(package: Package, now: Now) -> None:
    play(package, now, 0, 3000)
    names = [segment.name for segment in listed(package)]
    heard: list[int] = []
    package.on_change = lambda: heard.append(package.version)
    package.close()
    assert package.window.bytes == 0
    assert not any(package.window.file(width, name) for width in (640, 480) for name in names)
    package.enter(State.ENDED)
    assert not heard


def test_each_change_is_a_version_and_is_told(package: Package, now: Now) -> None:
    heard: list[int] = []
    package.on_change = lambda: heard.append(package.version)
    play(package, now, 0, 1000)
    assert heard == sorted(set(heard))
    assert len(heard) >= 2
    before = package.version
    package.enter(State.STARTING)
    package.show(())
    assert package.version == before, "what changes nothing is no news"
    package.enter(State.PAUSED)
    assert package.version == before + 1
