import re
from pathlib import Path

import pytest

from edge.signing import ROUND_S, playback_secret, sign, token
from panocast.errors import UsageError

SECRET = "5" * 64


@pytest.mark.parametrize(
    "path",
    ["/hls/cam.m3u8", "/vod/talk/20261120T084641Z-primary/master.m3u8", "/vod/a/20261120T084641000001Z-upload/x.mp4"],
)
def test_the_token_stands_in_front_so_that_relative_uris_keep_it(path: str) -> None:
    signed = sign(f"https://edge.example:8443{path}?a=1", SECRET, valid_s=60, now=1000.0)
    assert re.fullmatch(rf"https://edge\.example:8443/s/1200-[A-Za-z0-9_-]{{22}}{re.escape(path)}\?a=1", signed)


def test_everybody_gets_the_same_url_for_a_while_so_that_a_cdn_can_cache() -> None:
    assert len({sign("/hls/cam.m3u8", SECRET, valid_s=600, now=3000.0 + n) for n in range(1, ROUND_S)}) == 1
    assert sign("/hls/cam.m3u8", SECRET, valid_s=600, now=3000.0 + ROUND_S + 1) != sign(
        "/hls/cam.m3u8", SECRET, valid_s=600, now=3000.0
    )


def test_a_token_differs_with_what_it_opens_until_when_and_the_secret() -> None:
    tokens = [
        token("hls/cam", 1000, SECRET),
        token("hls/cam2", 1000, SECRET),
        token("hls/cam", 2000, SECRET),
        token("vod/cam", 1000, SECRET),
        token("hls/cam", 1000, "6" * 64),
    ]
    assert len(set(tokens)) == len(tokens)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "/live.json",
        "/hls/cam_640/index.m3u8",
        "/hls/../x.m3u8",
        "/hls/Cam.m3u8",
        "/vod/catalog.json",
        "/vod/a/b",
    ],
)
def test_what_is_no_stream_and_no_asset_is_refused_in_words(url: str) -> None:
    with pytest.raises(UsageError, match="neither a live stream"):
        sign(url, SECRET, valid_s=60)


def test_the_secret_is_made_once_and_is_not_the_one_of_the_stream_keys(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a" * 40)
    first = playback_secret(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert playback_secret(tmp_path) == first
    assert (tmp_path / "playback-secret").read_text().strip() not in first
