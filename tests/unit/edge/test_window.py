from pydantic import TypeAdapter

from edge.shown import media_playlists, multivariant, note_rungs
from edge.sight import Sight, following
from edge.wanted import arrived, give_up, wanted
from edge.window import KEEP_S, START_S, Window
from panocast.feed import FeedSegment, RungFile
from tests.unit.edge.simulation import INIT, WIDTHS, feed, segment

FILE = RungFile(init=INIT, size=1000)


def sight(*segments: FeedSegment, role: str = "primary", at: float = 1.0, widths: tuple[int, ...] = WIDTHS) -> Sight:
    seen = Sight(role, 0.0)
    seen.hear(feed(*segments, role=role, widths=widths), at)
    return seen


def filled(numbers: range, now: float = 1.0) -> Window:
    """A window with these segments, all of them here."""
    window = Window("cam")
    seen = sight(*(segment(number) for number in numbers))
    window.take(seen, now)
    note_rungs(window, {"primary": seen}, "primary")
    fetch(window, seen, now)
    return window


def fetch(window: Window, seen: Sight, now: float, *numbers: int) -> None:
    """Have what is wanted from an origin; of these segments only, where some are given."""
    for want in list(wanted(window, {"primary": seen}, "primary", now)):
        if not numbers or want.number in numbers:
            arrived(window, want, want.sources[0][1])


def test_what_follows_a_segment_is_found_on_its_timeline_only() -> None:
    told = [segment(5), segment(6), segment(7, "bbbbbbbb"), segment(8, "bbbbbbbb")]
    assert following(told, ("aaaaaaaa", 5)) == told[1:]
    assert following(told, ("aaaaaaaa", 9)) == told[2:]  # the other origin was further on it
    assert following(told, ("aaaaaaaa", 2)) == told
    assert following(told, ("bbbbbbbb", 8)) == []
    assert following(told, ("cccccccc", 5)) is None


def test_it_begins_with_the_newest_so_that_the_first_viewer_does_not_wait() -> None:
    window = filled(range(100))
    assert [entry.shown.number for entry in window.entries] == list(range(100 - int(START_S), 100))


def test_it_grows_to_the_origins_window_and_no_further() -> None:
    window = filled(range(20))
    for last in range(21, 60):
        window.take(sight(*(segment(n) for n in range(last - 20, last))), float(last))
    assert [entry.shown.number for entry in window.entries] == list(range(39, 59))


def test_an_origin_that_began_anew_does_not_shrink_it() -> None:
    window = filled(range(12))
    window.take(sight(segment(12)), 2.0)
    assert [entry.shown.number for entry in window.entries] == list(range(1, 13))


def test_files_stay_for_viewers_who_are_behind_and_go_then() -> None:
    window = filled(range(12))
    window.take(sight(*(segment(n) for n in range(2, 14))), 10.0)
    assert window.sweep(10.0 + 12.0) == []
    gone = window.sweep(10.0 + 12.0 + 1.0)
    assert gone == sorted(f"cam_{width}/aaaaaaaa-{number}.m4s" for width in WIDTHS for number in (0, 1))
    assert window.sweep(1000.0) == []
    assert KEEP_S >= 12.0


def test_an_init_segment_goes_with_the_last_segment_that_needs_it() -> None:
    window = filled(range(3))
    fresh = "init-ffffffffffff.mp4"
    for number in range(3, 9):
        new = segment(number)
        rungs = {width: file.model_copy(update={"init": fresh}) for width, file in new.rungs.items()}
        seen = sight(new.model_copy(update={"rungs": rungs}))
        window.take(seen, float(number))
        fetch(window, seen, float(number))
    gone = window.sweep(1000.0)
    assert f"cam_640/{INIT}" in gone
    assert f"cam_640/{fresh}" not in gone


def test_a_file_that_comes_after_its_segment_left_is_removed_like_the_others() -> None:
    window = filled(range(3))
    seen = sight(*(segment(n) for n in range(4)), at=2.0)
    window.take(seen, 2.0)
    (late,) = (want for want in wanted(window, {"primary": seen}, "primary", 2.0) if want.width == 640)
    window.take(sight(segment(50)), 3.0)  # a hole
    arrived(window, late, FILE)
    assert late.target not in window.sweep(3.0)
    assert late.target in window.sweep(1000.0)


def test_a_window_that_another_boot_saved_keeps_its_files_as_long_as_ever_and_no_longer() -> None:
    window = filled(range(12), now=90_000.0)
    window.take(sight(*(segment(n) for n in range(2, 14)), at=90_001.0), 90_001.0)
    window.resume(5.0)
    assert window.sweep(5.0) == []
    assert len(window.sweep(5.0 + KEEP_S)) == 2 * len(WIDTHS)
    window.take(sight(segment(7, "bbbbbbbb"), at=6.0), 6.0)
    assert [entry.told.timeline for entry in window.entries][-1] == "bbbbbbbb"


def test_a_playlist_ends_before_what_is_still_on_its_way() -> None:
    window = filled(range(3))
    seen = sight(*(segment(n) for n in range(6)))
    window.take(seen, 2.0)
    assert [w.number for w in wanted(window, {"primary": seen}, "primary", 2.0) if w.width == 640] == [3, 4, 5]
    fetch(window, seen, 2.0, 4)
    assert "aaaaaaaa-2.m4s" in media_playlists(window)["cam_640/index.m3u8"]
    assert "aaaaaaaa-4.m4s" not in media_playlists(window)["cam_640/index.m3u8"]
    fetch(window, seen, 2.0, 3)
    assert "aaaaaaaa-4.m4s" in media_playlists(window)["cam_640/index.m3u8"]


def test_a_rung_that_begins_late_does_not_reach_back() -> None:
    window = Window("cam")
    primary = sight(*(segment(n, widths=(1920,)) for n in range(5)), segment(5))
    window.take(primary, 1.0)
    fetch(window, primary, 1.0)
    backup = sight(*(segment(n) for n in range(6)), role="backup", at=0.0)
    later = list(wanted(window, {"primary": primary, "backup": backup}, "primary", 9.0))
    assert later == [], "a playlist would begin earlier than it did"


def test_what_only_the_other_origin_has_is_fetched_there_after_a_moment() -> None:
    window = filled(range(3))
    primary = sight(*(segment(n) for n in range(3)), segment(3, widths=(1920,)))
    backup = sight(*(segment(n) for n in range(4)), role="backup", at=2.0)
    sights = {"primary": primary, "backup": backup}
    window.take(primary, 2.0)
    assert {w.width for w in wanted(window, sights, "primary", 2.1)} == {1920}
    late = {w.width: [role for role, _ in w.sources] for w in wanted(window, sights, "primary", 2.5)}
    assert late == {1920: ["primary", "backup"], 640: ["backup"]}


def test_what_cannot_be_had_is_given_up_only_when_a_later_one_is_here() -> None:
    window = filled(range(3))
    seen = sight(*(segment(n) for n in range(5)))
    window.take(seen, 2.0)
    assert not give_up(window, 3, 640)
    fetch(window, seen, 2.0, 4)
    assert give_up(window, 3, 640)
    assert "#EXT-X-GAP" in media_playlists(window)["cam_640/index.m3u8"]


def test_the_multivariant_playlist_names_what_has_a_playlist() -> None:
    window = filled(range(3))
    text = multivariant(window, [640])
    assert text
    assert "cam_640/index.m3u8" in text
    assert "cam_1920" not in text
    assert multivariant(window, []) is None


def test_a_rung_that_no_origin_has_any_more_is_withdrawn() -> None:
    window = filled(range(3))
    seen = sight(*(segment(n, widths=(1920,)) for n in range(4)), widths=(1920,))
    assert note_rungs(window, {"primary": seen}, "primary") == {640}
    assert list(media_playlists(window)) == ["cam_1920/index.m3u8"]


def test_it_is_saved_and_read_whole() -> None:
    window = filled(range(5))
    window.take(sight(*(segment(n) for n in range(2, 9))), 2.0)
    adapter = TypeAdapter(Window)
    assert adapter.validate_json(adapter.dump_json(window)) == window
