"""Playlists as RFC 8216 wants them."""

from __future__ import annotations

from fractions import Fraction

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panocast.hls import (
    AudioRendition,
    Segment,
    Variant,
    bit_rates,
    h264_codec,
    h264_codec_of_init,
    multivariant_playlist,
    parse_media_playlist,
    target_duration,
    variant_uris,
    vod_playlist,
)
from panocast.ladder import Size

VARIANT = Variant(
    "1920/index.m3u8", 5_000_000, Size(1920, 960), "avc1.640028,mp4a.40.2", Fraction(30000, 1001), 4_000_000
)


def test_a_variant_says_all_a_player_needs_to_choose() -> None:
    text = multivariant_playlist([VARIANT], AudioRendition("audio/index.m3u8", 2))
    (line,) = [line for line in text.splitlines() if line.startswith("#EXT-X-STREAM-INF:")]
    for attribute in (
        "BANDWIDTH=5000000",
        "AVERAGE-BANDWIDTH=4000000",
        "RESOLUTION=1920x960",
        'CODECS="avc1.640028,mp4a.40.2"',
        "FRAME-RATE=29.97",
        'AUDIO="audio"',
    ):
        assert attribute in line.replace(":", ",").split(",") or attribute in line
    assert "#EXT-X-INDEPENDENT-SEGMENTS" in text
    media = m3u8.loads(text).media[0]
    assert (media.type, media.group_id, media.uri, media.default) == ("AUDIO", "audio", "audio/index.m3u8", "YES")
    assert variant_uris(text) == ["1920/index.m3u8"]


def test_without_a_sound_of_its_own_no_variant_speaks_of_one() -> None:
    assert "AUDIO" not in multivariant_playlist([VARIANT])


def test_variants_stay_in_their_order() -> None:
    small = Variant("640/index.m3u8", 1, Size(640, 320), "avc1", Fraction(30))
    assert variant_uris(multivariant_playlist([small, VARIANT])) == ["640/index.m3u8", "1920/index.m3u8"]
    assert "AVERAGE-BANDWIDTH" not in multivariant_playlist([small])


def test_a_vod_playlist_is_complete_and_names_its_maps_once() -> None:
    segments = [
        Segment("a.m4s", 2.0, "i1.mp4"),
        Segment("b.m4s", 2.002, "i1.mp4"),
        Segment("c.m4s", 1.5, "i2.mp4", discontinuity=True),
    ]
    assert vod_playlist(segments).splitlines() == [
        *("#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:0"),
        *("#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS"),
        *('#EXT-X-MAP:URI="i1.mp4"', "#EXTINF:2.000000,", "a.m4s", "#EXTINF:2.002000,", "b.m4s"),
        *("#EXT-X-DISCONTINUITY", '#EXT-X-MAP:URI="i2.mp4"', "#EXTINF:1.500000,", "c.m4s", "#EXT-X-ENDLIST"),
    ]


durations = st.lists(st.floats(0.01, 20), min_size=1, max_size=30)


@given(durations)
def test_what_is_written_is_read_back(durations_s: list[float]) -> None:
    segments = [Segment(f"{i}.m4s", round(d, 6), "init.mp4") for i, d in enumerate(durations_s)]
    found = parse_media_playlist(vod_playlist(segments))
    assert found.ended
    assert list(found.segments) == segments


@given(durations)
def test_no_segment_rounds_to_more_than_the_target_duration(durations_s: list[float]) -> None:
    target_s = target_duration([Segment("x", d) for d in durations_s])
    assert all(int(d + 0.5) <= target_s for d in durations_s)
    assert target_s >= 1


@pytest.mark.parametrize("text", ["", "#EXTM3U\n", "#EXTM3U\n#EXTINF:2.0,\n", "nonsense"])
def test_a_playlist_cut_off_early_has_no_segments(text: str) -> None:
    assert parse_media_playlist(text).segments == ()


def test_the_peak_is_that_of_a_run_about_as_long_as_the_target() -> None:
    segments = [Segment("x", d) for d in (2.0, 2.0, 0.1, 2.0)]
    peak, average = bit_rates(segments, [1000, 3000, 1000, 1000])
    assert average == -(-8 * 6000 * 10 // 61)
    # The 0.1 s piece counts only together with a neighbour.
    assert peak == -(-8 * 4000 * 10 // 21)


def test_a_recording_shorter_than_any_run_has_its_average_as_its_peak() -> None:
    assert bit_rates([Segment("x", 0.2)], [100]) == (4000, 4000)


@given(st.lists(st.tuples(st.floats(0.02, 5), st.integers(1, 10**7)), min_size=1, max_size=20))
def test_the_peak_is_never_below_the_average(pairs: list[tuple[float, int]]) -> None:
    peak, average = bit_rates([Segment("x", d) for d, _ in pairs], [size for _, size in pairs])
    assert peak >= average


def test_codecs_have_the_names_of_rfc_6381() -> None:
    assert h264_codec("High", 40) == "avc1.640028"
    assert h264_codec("Constrained Baseline", 31) == "avc1.42c01f"
    assert h264_codec("never heard of", 31) == "avc1.64001f"
    assert h264_codec_of_init(b"....avcC\x01\x64\x00\x28\xff") == "avc1.640028"
    assert h264_codec_of_init(b"....avcC\x01\x64") is None
    assert h264_codec_of_init(b"hvcC") is None
