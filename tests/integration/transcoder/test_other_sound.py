"""An encoder that comes back with other sound (mono for stereo, another rate, none at all) goes on in one recording:
what it sent is heard where it belongs, at its own pitch, on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.integration.transcoder.checker import CheckedAsset
from tests.integration.transcoder.counted import RATE_HZ, TONE_HZ, beeps, hear, look, sound, write
from tests.integration.transcoder.site import Site, ffmpeg, frames_of, session_at

pytestmark = pytest.mark.slow
SESSION = session_at()
FPS = 30
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", str(FPS))
SYNC_S = 0.015


@dataclass(frozen=True, slots=True)
class Sent:
    """What an encoder sent in one go: seconds, channels (0: no sound), samples per second."""

    seconds: int
    channels: int = 2
    rate_hz: int = 48_000


def record(site: Site, sent: Sequence[Sent]) -> None:
    """A recording of a part for each connection, placed one right after the other, as the origin does."""
    parts: list[Path] = []
    at_s = 0.0
    for number, one in enumerate(sent):
        clip, part = site.root / f"{number}.flv", site.root / f"{number}.mp4"
        samples = sound(one.seconds, mono=one.channels == 1) if one.channels else b""
        aac = ("-c:a", "aac", "-b:a", "192k", "-ar", str(one.rate_hz))
        write(clip, X264, aac, count=one.seconds * FPS, samples=samples, channels=one.channels)
        where = ("-output_ts_offset", f"{at_s - frames_of(clip)[0]:.3f}", "-avoid_negative_ts", "disabled")
        ffmpeg("-copyts", "-i", clip, "-c", "copy", *where, part)
        parts.append(part)
        at_s += one.seconds
    site.record(SESSION, parts, seams=tuple(range(2, len(parts) + 1)))


def listen(asset: CheckedAsset, sent: Sequence[Sent]) -> None:
    """Each flash has its beep, on both sides where it was mono; the tone has its pitch; no sound is silence."""
    assert asset.audio is not None
    (rung,) = asset.video.values()
    patches = look(rung.media).patches
    flashes = [time for time, lit in zip(rung.times_s, patches[:, 0] > patches[:, 1], strict=True) if lit]
    stereo = hear(asset.audio.media, 2)
    begins_s = asset.audio.times_s[0]
    loudest = max(one.channels for one in sent)
    at_s = rung.times_s[0]
    for one in sent:
        # Encoders differ in the last and first tens of milliseconds of a connection, not in what lies between.
        inner = slice(round((at_s - begins_s + 0.1) * RATE_HZ), round((at_s - begins_s + one.seconds - 0.1) * RATE_HZ))
        whole = slice(round((at_s - begins_s - 0.02) * RATE_HZ), inner.stop)
        left, right = stereo[0][inner], stereo[1][inner]
        if not one.channels:
            assert np.abs(stereo[:, inner]).max() < 0.01, f"no silence from {at_s:.1f} s"
        else:
            expected = [flash for flash in flashes if at_s - 0.01 <= flash < at_s + one.seconds - 0.01]
            assert len(expected) == one.seconds
            heard = beeps(stereo[1][whole], begins_s + whole.start / RATE_HZ)
            assert heard == pytest.approx(expected, abs=SYNC_S), f"sound and pictures are apart from {at_s:.1f} s"
        if one.channels == 1:
            assert np.array_equal(left, right) or np.abs(left - right).max() < 0.02, f"one-sided from {at_s:.1f} s"
        if one.channels == 2 and loudest == 2:
            spectrum = np.abs(np.fft.rfft(left * np.hanning(len(left))))
            pitch_hz = float(np.argmax(spectrum)) * RATE_HZ / len(left)
            assert pitch_hz == pytest.approx(TONE_HZ, abs=2)
            periods = np.abs(left[: len(left) // 480 * 480]).reshape(-1, 480).max(axis=1)
            assert periods.min() > 0.3, f"a hole in the tone from {at_s:.1f} s"
        at_s += one.seconds
    assert asset.audio.times_s[-1] == pytest.approx(at_s, abs=0.05)


CHANGES = {
    "mono 44.1 kHz, then stereo 48 kHz": (Sent(2, 1, 44_100), Sent(2)),
    "stereo, then mono": (Sent(2), Sent(2, 1)),
    "another rate, there and back": (Sent(2, 2, 44_100), Sent(2), Sent(2, 2, 44_100)),
    "none at first, none in the break": (Sent(2, 0), Sent(2, 1, 44_100), Sent(2, 0), Sent(2), Sent(1, 0)),
    "none in the break, the same after": (Sent(2), Sent(2, 0), Sent(2)),
}


@pytest.mark.parametrize("sent", CHANGES.values(), ids=CHANGES)
async def test_sound_that_changes_is_heard_where_it_belongs(site: Site, sent: Sequence[Sent]) -> None:
    record(site, sent)
    await site.work(concurrency=2)
    asset = site.check(SESSION)
    assert asset.description["audio_channels"] == max(one.channels for one in sent)
    listen(asset, sent)
