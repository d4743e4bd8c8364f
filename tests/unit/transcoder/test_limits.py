"""How much a job may take, and what is refused before it is tried."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from panocast.errors import RefusedError
from panocast.fence import Limits
from panocast.ladder import Size, vod_rungs
from panocast.probe import MediaInfo, VideoTrack
from panocast.projection import Projection, Stereo
from panocast.settings import TranscoderSettings
from transcoder.limits import ceilings, encoded_bytes, encoding, refuse_absurd, within

SETTINGS = TranscoderSettings()
VIDEO = VideoTrack("h264", Size(3840, 1920), Fraction(30), 900, 0.0)
INFO = MediaInfo("mov", 0.0, 30.0, VIDEO, None, Projection.EQUIRECTANGULAR, Stereo.MONO)
GB = 1_000_000_000


def limits(info: MediaInfo, threads: int) -> Limits:
    video = info.require_video()
    return encoding(info, vod_rungs(video.size), size_bytes=60_000_000, threads=threads)


def test_an_honest_part_has_plenty_of_room() -> None:
    """What was measured for a whole ladder stands in transcoder/limits.py."""
    few, many = limits(INFO, 1), limits(INFO, 16)
    assert few.memory_bytes > 1.5 * 1.5 * GB
    assert many.memory_bytes > 1.5 * 5.7 * GB
    assert few.cpu_s > 10 * 100
    assert few.output_bytes > 2 * 30 * 34_000_000 / 8
    large = replace(INFO, video=replace(VIDEO, size=Size(7680, 3840)))
    assert limits(large, 2).memory_bytes > 2 * 2.3 * GB


def test_the_room_that_is_looked_for_holds_what_a_part_may_become() -> None:
    rungs = vod_rungs(VIDEO.size)
    rates_bps = [rung.bitrate_bps for rung in rungs]
    assert encoded_bytes(rungs, 30.0) >= (sum(rates_bps) + max(rates_bps)) * 30 / 8
    assert encoded_bytes(rungs, 30.0) < limits(INFO, 1).output_bytes, "no more than it is allowed to write"


def test_no_job_gets_more_than_the_settings_say() -> None:
    huge = replace(INFO, video=replace(VIDEO, size=Size(8192, 8192), frames=10**9))
    settings = TranscoderSettings(cpu_limit_s=1000, memory_limit_mb=512)
    found = within(limits(huge, 64), ceilings(settings))
    assert (found.cpu_s, found.memory_bytes) == (1000, 512 << 20)


def test_an_absurd_duration_is_refused_with_the_setting_that_allows_it() -> None:
    refuse_absurd(replace(INFO, duration_s=23 * 3600.0), SETTINGS)
    with pytest.raises(RefusedError, match=r"lasts 2777\.8 hours; at most 24 .*max_duration_s"):
        refuse_absurd(replace(INFO, duration_s=10_000_000.0), SETTINGS)


def test_millions_of_frames_in_a_moment_are_refused() -> None:
    refuse_absurd(replace(INFO, video=replace(VIDEO, frames=240 * 30)), SETTINGS)
    with pytest.raises(RefusedError, match=r"50000000 frames in 30\.0 s"):
        refuse_absurd(replace(INFO, video=replace(VIDEO, frames=50_000_000)), SETTINGS)
