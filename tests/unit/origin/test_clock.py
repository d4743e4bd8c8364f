"""The place of a part on the session's clock: exact to the millisecond, after any number of parts."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from itertools import accumulate, pairwise
from random import Random

import pytest

from origin.clock import Beat, start_after, start_of_next


def split(video: list[int], audio: list[int], frames: int) -> list[tuple[int, Beat]]:
    """Cut a session as nginx-rtmp does: at every `frames`-th frame, each file's clock from there. With the truth."""
    cuts = [*video[::frames], math.inf]
    parts = []
    for start, end in pairwise(cuts):
        base = int(start)
        parts.append(
            (
                base,
                Beat(
                    video_ms=tuple(t - base for t in video if start <= t < end),
                    audio_ms=tuple(t - base for t in audio if start <= t < end),
                ),
            )
        )
    return parts


def starts(parts: list[tuple[int, Beat]]) -> list[int]:
    """Where the clock puts each part, knowing nothing but the files."""
    found, tail = [0], parts[0][1].last(0)
    for _, beat in parts[1:]:
        found.append(start_of_next(tail, beat.first()))
        tail = beat.last(found[-1])
    return found


@pytest.mark.parametrize("rounding", [round, math.floor, math.ceil])
@pytest.mark.parametrize("fps", [24000 / 1001, 25, 30000 / 1001, 30, 50, 60])
@pytest.mark.parametrize("sample_rate", [44100, 48000, None])
def test_three_hundred_parts_do_not_drift(
    fps: float, sample_rate: int | None, rounding: Callable[[float], int]
) -> None:
    video = [rounding(n * 1000 / fps) for n in range(int(301 * fps))]
    audio = [rounding(7 + n * 1024000 / sample_rate) for n in range(301 * sample_rate // 1024)] if sample_rate else []
    parts = split(video, audio, int(fps))
    assert len(parts) >= 300
    assert starts(parts) == [truth for truth, _ in parts]


def test_sound_decides_where_an_encoder_dropped_frames(caplog: pytest.LogCaptureFixture) -> None:
    video = [round(n * 1000 / 30) for n in range(600)]
    audio = [round(n * 1024000 / 48000) for n in range(930)]
    parts = split(video, audio, 60)
    truth, before = parts[3]
    gap = Beat(video_ms=before.video_ms[:-5], audio_ms=before.audio_ms)
    with caplog.at_level(logging.WARNING):
        assert start_of_next(gap.last(truth), parts[4][1].first()) == parts[4][0]
    assert "frames are missing" in caplog.text


def test_a_variable_frame_rate_without_sound_errs_by_a_fraction_of_a_frame() -> None:
    random = Random(7)
    video = list(accumulate((random.randint(20, 60) for _ in range(2000)), initial=0))
    parts = split(video, [], 100)
    for (truth, beat), (next_truth, following) in pairwise(parts):
        assert start_of_next(beat.last(truth), following.first()) == pytest.approx(next_truth, abs=25)


def test_a_last_part_of_one_frame_is_placed() -> None:
    video = [round(n * 1000 / 30) for n in range(61)]
    (_, first), (truth, last) = split(video, [], 60)
    assert start_of_next(first.last(0), last.first()) == truth


def test_nothing_before_means_zero() -> None:
    assert start_of_next(Beat(), Beat(video_ms=(0, 33))) == 0


def test_another_connection_follows_after_all_of_the_one_before() -> None:
    tail = Beat(video_ms=(0, 33, 66), audio_ms=(0, 21, 42, 63, 84, 105))
    assert start_after(tail, Beat(video_ms=(5066, 5099), audio_ms=(5070,))) == 105 + 21 - 5066
    assert start_after(tail, Beat(audio_ms=(7,))) == 126 - 7
    assert start_after(Beat(video_ms=(40,)), Beat(video_ms=(0, 33))) == 40
