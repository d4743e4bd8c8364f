from pathlib import Path

from edge.audience import WINDOW_S, Audience, Requests, count, take_log


def test_requests_are_counted_by_stream_and_nonsense_is_passed_over() -> None:
    lines = ["cam _640/index.m3u8 900", "cam .m3u8 300", "cam _640/aaaaaaaa-1.m4s 5000", "talk _1/index.m3u8 1"]
    assert count([*lines, "", "cam", "cam _640/index", "a b c d", "\0\0\0"]) == {
        "cam": Requests(playlists=1, sent=6200),
        "talk": Requests(playlists=1, sent=1),
    }


def test_a_viewer_is_a_playlist_request_in_each_target_duration() -> None:
    audience = Audience()
    audience.asked("cam", 0.0)
    for second in range(30):  # ten viewers, who ask every two seconds
        audience.note({"cam": Requests(playlists=5, sent=1)}, float(second))
    assert audience.viewers("cam", 2) == 10
    audience.note({}, 30 + WINDOW_S)
    assert audience.viewers("cam", 2) == 0
    assert audience.asked_at["cam"] == 29


def test_what_is_not_mirrored_leaves_nothing_behind() -> None:
    audience = Audience()
    audience.asked("cam", 0.0)
    audience.forget("cam")
    audience.note({"cam": Requests(playlists=5, sent=1), "nobody": Requests(playlists=5, sent=1)}, 1.0)
    assert audience.asked_at == {}
    assert audience.viewers("cam", 2) == 0


def test_the_log_is_empty_after_it_was_read_and_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "watched.log"
    assert take_log(log) == []
    with log.open("ab") as nginx:
        nginx.write(b"cam .m3u8 1\n")
        nginx.flush()
        assert take_log(log) == ["cam .m3u8 1"]
        nginx.write(b"cam .m3u8 2\n")
        nginx.flush()
        assert take_log(log) == ["cam .m3u8 2"]
    assert log.stat().st_size == 0
