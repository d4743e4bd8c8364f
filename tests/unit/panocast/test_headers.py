from __future__ import annotations

import pytest

from panocast.headers import cache_control, media_type


@pytest.mark.parametrize(
    ("key", "kind", "replaced"),
    [
        ("vod/a/1/master.m3u8", "application/vnd.apple.mpegurl", True),
        ("vod/a/1/1920/index.m3u8", "application/vnd.apple.mpegurl", False),
        ("vod/a/1/asset.json", "application/json", True),
        ("vod/catalog.json", "application/json", True),
        ("vod/a/1/1920/7.m4s", "video/iso.segment", False),
        ("vod/a/1/1920/init.mp4", "video/mp4", False),
        ("vod/a/1/poster.jpg", "image/jpeg", False),
        ("vod/a/1/thumbnails.vtt", "text/vtt", False),
        ("uploads/what is this", "application/octet-stream", False),
    ],
)
def test_an_object_has_its_type_and_only_descriptions_are_asked_for_again(key: str, kind: str, replaced: bool) -> None:
    assert media_type(key) == kind
    assert (cache_control(key) == "no-cache") is replaced
