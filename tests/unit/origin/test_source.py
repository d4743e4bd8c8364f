"""What can be laddered, and the words for what cannot."""

from __future__ import annotations

import pytest

from origin.ladder import Source
from origin.source import judge
from origin.stat import AudioMeta, Published, VideoMeta
from panocast.errors import RefusedError
from panocast.ladder import Size

AAC = AudioMeta("AAC", 2, 48000)


def published(
    video: str | None = "H264", audio: AudioMeta | None = AAC, age_s: float = 1, width: int = 640
) -> Published:
    meta = VideoMeta(video, Size(width, width // 2), "High", 0, 31) if video else None
    return Published("live", "cam", 1, age_s, 0, meta, audio)


def test_video_and_sound_start_at_once() -> None:
    assert judge(published(), 0) == Source(Size(640, 320), "AAC")
    assert judge(published(audio=AudioMeta("MP3", 2, 44100)), 0) == Source(Size(640, 320), "MP3")


def test_sound_is_waited_for_a_moment_only() -> None:
    assert judge(published(audio=None), 0.5) is None
    assert judge(published(audio=None), 1.0) == Source(Size(640, 320), None)


def test_a_picture_is_waited_for() -> None:
    assert judge(published(video=None, age_s=5), 0) is None
    assert judge(published(width=0, age_s=5), 0) is None


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (published(video=None, age_s=9), r"only sound \(AAC\)"),
        (published(video=None, audio=None, age_s=9), "neither picture nor sound"),
        (published(video="Sorenson-H263"), "Sorenson-H263: set the encoder to H.264"),
        (published(video="Jpeg"), "HEVC, AV1, VP9 or the like: set the encoder to H.264"),
    ],
)
def test_what_can_never_play_is_refused_in_words(stream: Published, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        judge(stream, 0)
