"""The asset as a function of its markers."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from fractions import Fraction

import m3u8
import pytest

from panocast.errors import RefusedError
from panocast.layout import Session
from panocast.recording import EndMarker
from transcoder.markers import Filler, PartMarker, Rendition, RungRendition, SegmentFile, WholeMarker
from transcoder.publish import Plan, on_one_clock, plan_asset

SESSION = Session("cam", "20261120T084641Z-primary")
BACKUP = Session("cam", "20261120T084642Z-backup")
NOW = datetime(2026, 11, 20, 9, 0, 0, 123456, tzinfo=UTC)


def segments(*durations_s: float) -> tuple[SegmentFile, ...]:
    return tuple(SegmentFile(name=f"{i:05d}.m4s", duration_s=d, size=1000) for i, d in enumerate(durations_s))


def rung(width: int, *durations_s: float, init: str = "aa", height: int | None = None) -> RungRendition:
    return RungRendition(
        folder=str(width), init_digest=init, init_size=9, codecs="avc1.64001f", segments=segments(*durations_s),
        width=width, height=height or width // 2,
    )  # fmt: skip


def part(start_s: float, *rungs: RungRendition, rate: int = 30) -> PartMarker:
    end_s = start_s + sum(s.duration_s for s in rungs[0].segments)
    frames = round((end_s - start_s) * rate)
    return PartMarker(
        attempt="abc", start_s=start_s, end_s=end_s, frames=frames, frame_rate=Fraction(rate), rungs=rungs
    )


def sound(*durations_s: float) -> Rendition:
    return Rendition(folder="audio", init_digest="ff", init_size=9, codecs="mp4a.40.2", segments=segments(*durations_s))


def plan(parts: list[PartMarker], whole: WholeMarker | None = None, at: Session = SESSION) -> Plan:
    end = EndMarker(
        name="cam", session=SESSION.id, parts=len(parts), duration_s=60, started=SESSION.started, origin="primary"
    )
    return plan_asset(at, SESSION, "0009", end, dict(enumerate(parts, 1)), whole or WholeMarker(attempt="w"), NOW)


def media(made: Plan, width: int | str) -> m3u8.M3U8:
    name = "0009/audio/index.m3u8" if width == "audio" else f"{width}/0009.m3u8"
    return m3u8.loads(made.texts[f"{SESSION.vod_prefix}{SESSION.id}/{name}"])


def test_the_plan_of_two_days_takes_seconds() -> None:
    """Half a minute of it would cost the lease of whoever makes it."""
    parts = [part(30.0 * number, rung(640, *[2.0] * 15)) for number in range(5760)]
    begun = time.process_time()
    made = plan(parts)
    assert time.process_time() - begun < 5
    assert len(media(made, 640).segments) == 86_400


def test_parts_are_joined_in_order_by_playlist_alone() -> None:
    made = plan([part(0, rung(640, 2, 2)), part(4, rung(640, 2, 1))])
    playlist = media(made, 640)
    uris = ["0001-00000.m4s", "0001-00001.m4s", "0002-00000.m4s", "0002-00001.m4s"]
    assert [s.uri for s in playlist.segments] == uris
    assert not any(s.discontinuity for s in playlist.segments)
    base = f"{SESSION.vod_prefix}{SESSION.id}/640/"
    assert dict(made.copies)[f"{SESSION.work_prefix}0002/abc/640/00001.m4s"] == f"{base}0002-00001.m4s"
    assert [target for _, target in made.copies].count(f"{base}init-aa.mp4") == 1


def test_a_parts_last_segment_lasts_until_the_next_part_begins() -> None:
    made = plan([part(0, rung(640, 2, 1.9)), part(4.02, rung(640, 2))])
    assert [s.duration for s in media(made, 640).segments] == pytest.approx([2, 2.02, 2])


def test_only_rungs_that_every_part_has_are_published() -> None:
    made = plan([part(0, rung(1280, 2), rung(640, 2)), part(2, rung(640, 2))])
    assert [r.width for r in made.asset.rungs] == [640]
    assert not any("/1280/" in target for _, target in made.copies)


def test_no_rung_in_common_is_refused() -> None:
    with pytest.raises(RefusedError, match="no rung in common"):
        plan([part(0, rung(640, 2)), part(2, rung(320, 2))])


def test_another_init_segment_is_a_discontinuity_in_pictures_and_sound() -> None:
    whole = WholeMarker(attempt="w", audio=sound(2, 2, 2), channels=2)
    made = plan([part(0, rung(640, 2)), part(2, rung(640, 2, init="bb")), part(4, rung(640, 2, init="bb"))], whole)
    pictures, tones = media(made, 640), media(made, "audio")
    assert [s.discontinuity for s in pictures.segments] == [False, True, False]
    assert [s.init_section.uri for s in pictures.segments] == ["init-aa.mp4", "init-bb.mp4", "init-bb.mp4"]
    assert [s.discontinuity for s in tones.segments] == [False, True, False]


def test_the_multivariant_playlist_tells_the_truth() -> None:
    whole = WholeMarker(attempt="w", audio=sound(2, 2), channels=2)
    made = plan([part(0, rung(1280, 2, 2), rung(640, 2, 2))], whole)
    master = m3u8.loads(made.master)
    assert [p.stream_info.resolution for p in master.playlists] == [(1280, 640), (640, 320)]
    assert {p.stream_info.codecs for p in master.playlists} == {"avc1.64001f,mp4a.40.2"}
    assert {p.stream_info.bandwidth for p in master.playlists} == {8000}  # 1000 bytes in 2 s, twice
    assert {p.stream_info.frame_rate for p in master.playlists} == {30.0}
    assert master.media[0].channels == "2"
    assert all(p.uri.startswith(f"{SESSION.id}/") for p in master.playlists)


def test_without_sound_nothing_speaks_of_it() -> None:
    made = plan([part(0, rung(640, 2))])
    assert "mp4a" not in made.master
    assert "AUDIO" not in made.master
    assert made.asset.audio_channels == 0


def test_black_stands_where_a_part_could_not_be_decoded() -> None:
    black = rung(640, 2).model_copy(update={"folder": "black-0003/640"})
    whole = WholeMarker(attempt="w", fillers=(Filler(before=3, start_s=2, end_s=4, rungs=(black,)),))
    made = plan([part(0, rung(640, 2)), PartMarker(attempt="none", failed="torn"), part(4, rung(640, 2))], whole)
    assert [s.uri for s in media(made, 640).segments] == [
        "0001-00000.m4s",
        "0009-before-0003-00000.m4s",
        "0003-00000.m4s",
    ]
    source = f"{SESSION.work_prefix}whole/w/black-0003/640/00000.m4s"
    assert source in dict(made.copies)
    assert [(m.part, m.reason) for m in made.asset.missing] == [(2, "torn")]
    assert made.asset.duration_s == 6


def test_a_part_whose_clock_reaches_into_the_next_one_is_left_out() -> None:
    parts = {1: part(0, rung(640, 2)), 2: part(2, rung(640, 8)), 3: part(4, rung(640, 2)), 4: part(6.4, rung(640, 2))}
    found = on_one_clock(parts)
    assert [number for number, marker in found.items() if marker.failed] == [2]
    assert on_one_clock({1: parts[1], 3: parts[3]}) == {1: parts[1], 3: parts[3]}


def test_the_frame_rate_is_that_of_most_parts() -> None:
    made = plan([part(0, rung(640, 2)), part(2, rung(640, 2)), part(4, rung(640, 1), rate=15)])
    assert m3u8.loads(made.master).playlists[0].stream_info.frame_rate == 30


def test_a_backup_can_stand_at_its_primarys_place() -> None:
    made = plan([part(0, rung(640, 2))], at=BACKUP)
    assert made.asset.id == BACKUP.path
    assert made.asset.recording == SESSION.id
    assert all(target.startswith(f"{BACKUP.vod_prefix}{SESSION.id}/") for _, target in made.copies)
