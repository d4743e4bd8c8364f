"""A recording becomes one asset: every frame once, at its time, in sync, whatever the recording is like."""

from __future__ import annotations

import io
import json
import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from panocast.ladder import Size
from panocast.layout import Session
from tests.integration.transcoder.checker import probe
from tests.integration.transcoder.site import Site, cut, duration_of, ffmpeg, frames_of, make_video, session_at
from tests.media import measure_sync
from transcoder.encode import MEDIA_ORIGIN_S

pytestmark = pytest.mark.slow
FRAME_S = 1 / 30
SESSION = session_at()


async def test_a_recording_in_parts_has_every_frame_at_its_time(site: Site, card: Path, card_parts: list[Path]) -> None:
    site.record(SESSION, card_parts, title="The card", projection="eac", stereo="top-bottom")
    await site.work()
    asset = site.check(SESSION)
    assert list(asset.video) == [640]
    times = asset.video[640].times_s
    assert len(times) == len(frames_of(card)) == 210
    # Each frame of each part stands where the part's own timestamps say, to the millisecond.
    source = [time for part in card_parts for time in frames_of(part)]
    assert max(abs(time - MEDIA_ORIGIN_S - at) for time, at in zip(times, source, strict=True)) <= 0.001
    assert max(abs(b - a - FRAME_S) for a, b in pairwise(times)) <= 0.001
    assert max(b - a for a, b in pairwise(asset.video[640].starts_s)) <= 1.1


async def test_the_sound_is_in_sync_at_the_start_the_joints_and_the_end(
    site: Site, card: Path, card_parts: list[Path]
) -> None:
    source = (await measure_sync(str(card), Size(640, 320))).offsets()
    site.record(SESSION, card_parts)
    await site.work()
    joined = site.check(SESSION).with_sound(640, site.root / "joined.mkv")
    offsets = (await measure_sync(str(joined), Size(640, 320))).offsets()
    assert len(offsets) == len(source) >= 6
    assert max(abs(a - b) for a, b in zip(offsets, source, strict=True)) < FRAME_S / 2


async def test_the_asset_tells_a_player_what_it_is(site: Site, card_parts: list[Path]) -> None:
    site.record(SESSION, card_parts, title="The card", projection="eac", stereo="top-bottom")
    await site.work()
    asset = json.loads(site.egress.get_bytes(SESSION.asset_key)[0])
    assert asset["id"] == SESSION.path
    assert asset["title"] == "The card"
    assert (asset["projection"], asset["stereo"]) == ("eac", "top-bottom")
    assert asset["duration_s"] == pytest.approx(7, abs=0.01)
    assert asset["frames"] == 210
    assert asset["missing"] == []
    (entry,) = site.catalog()
    assert entry["url"] == f"/{SESSION.master_key}"
    assert site.egress.stat(entry["poster"].lstrip("/"))
    assert {"id", "name", "title", "url", "poster", "duration_s", "published", "projection", "stereo"} == set(entry)


async def test_thumbnails_show_the_recording_at_their_times(site: Site, media: Path) -> None:
    colours = {"red": (254, 0, 0), "lime": (0, 255, 1), "blue": (0, 0, 254)}
    film = media / "colours.mp4"
    inputs = [
        word for name in colours for word in ("-f", "lavfi", "-i", f"color={name}:size=320x160:rate=30:duration=2")
    ]
    ffmpeg(*inputs, "-filter_complex", "concat=n=3", "-g", "30", "-pix_fmt", "yuv420p", film)
    site.record(SESSION, cut(film, site.root / "colours", 3))
    await site.work()
    place = f"{SESSION.vod_prefix}{json.loads(site.egress.get_bytes(SESSION.asset_key)[0])['thumbnails']}"
    text = site.egress.get_bytes(place)[0].decode()
    cue = re.compile(r"00:00:(0\d\.\d{3}) --> 00:00:(0\d\.\d{3})\n(\S+)#xywh=(\d+),(\d+),160,80")
    found = cue.findall(text)
    assert [(float(start), float(end)) for start, end, *_ in found] == [(0, 2), (2, 4), (4, 6)]
    for (_, _, name, x, y), colour in zip(found, colours.values(), strict=True):
        sheet = Image.open(io.BytesIO(site.egress.get_bytes(f"{place.rpartition('/')[0]}/{name}")[0]))
        seen = sheet.getpixel((int(x) + 80, int(y) + 40))
        assert isinstance(seen, tuple)
        assert max(abs(a - b) for a, b in zip(seen, colour, strict=True)) < 40


async def test_the_sound_is_one_without_a_break(site: Site, small: Path, media: Path) -> None:
    """A steady tone has no click and no gap at the joints of five parts."""
    tone = make_video(media / "tone.mp4", 5, size="320x160")
    site.record(SESSION, cut(tone, site.root / "tone", 1))
    await site.work()
    asset = site.check(SESSION)
    assert asset.audio is not None
    wave = site.root / "tone.f32"
    ffmpeg("-i", asset.audio.media, "-f", "f32le", "-ac", "1", wave)
    samples = memoryview(wave.read_bytes()).cast("f")
    period = 48_000 / 440  # samples; a sine differs from itself a period earlier by next to nothing
    steady = range(4800, len(samples) - 4800)
    jumps = [abs(samples[i] - samples[i - round(11 * period)]) for i in steady]
    assert max(jumps) < 0.02, f"a click at {(jumps.index(max(jumps)) + 4800) / 48_000:.3f} s"


async def test_a_recording_without_sound_is_a_normal_video(site: Site, media: Path) -> None:
    silent = make_video(media / "silent.mp4", 2, size="320x160", sound=False)
    site.record(SESSION, [silent])
    await site.work()
    asset = site.check(SESSION)
    assert asset.audio is None
    assert "AUDIO" not in site.egress.get_bytes(SESSION.master_key)[0].decode()
    assert len(asset.video[320].times_s) == 60


async def test_a_recording_of_one_second_is_an_asset(site: Site, media: Path) -> None:
    site.record(SESSION, [make_video(media / "second.mp4", 1, size="320x160")])
    await site.work()
    assert len(site.check(SESSION).video[320].times_s) == 30


async def test_a_recording_of_one_frame_is_an_asset(site: Site, media: Path) -> None:
    site.record(SESSION, [make_video(media / "frame.mp4", 1 / 30, size="320x160", sound=False)])
    await site.work()
    assert len(site.check(SESSION).video[320].times_s) == 1


async def test_a_source_smaller_than_every_rung_has_one_of_its_own_width(site: Site, small: Path) -> None:
    site.record(SESSION, [small])
    await site.work()
    assert list(site.check(SESSION).video) == [320]


async def test_every_rung_is_scaled_from_one_decode_and_cut_alike(site: Site, media: Path) -> None:
    wide = make_video(media / "wide.mp4", 2, size="1280x640")
    site.record(SESSION, cut(wide, site.root / "wide", 1))
    await site.work()
    assert list(site.check(SESSION).video) == [1280, 960, 640]  # the checker compares their frames and segments


async def test_sound_that_starts_late_and_stops_early_keeps_its_place(site: Site, media: Path) -> None:
    odd = media / "odd.mp4"
    tone = ["-itsoffset", "1", "-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000:duration=1"]
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x160:rate=30:duration=3", *tone, "-c:v", "libx264", "-g", "30", odd)
    site.record(SESSION, cut(odd, site.root / "odd", 1))
    await site.work()
    asset = site.check(SESSION)
    assert asset.audio is not None
    assert heard(asset.audio.media) == pytest.approx([1.0, 2.0], abs=FRAME_S)


def heard(path: Path) -> list[float]:
    """When the sound begins and ends, in seconds of the recording."""
    argv = ["ffmpeg", "-copyts", "-i", str(path), "-af", "silencedetect=noise=-40dB:d=0.2", "-f", "null", "-"]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stderr
    ends = re.findall(r"silence_end: ([\d.]+)", said)[:1]
    starts = re.findall(r"silence_start: ([\d.]+)", said)[-1:]
    return [float(time) - MEDIA_ORIGIN_S for time in ends + starts]


async def test_a_part_that_cannot_be_decoded_leaves_black_and_the_rest_in_its_place(
    site: Site, card_parts: list[Path]
) -> None:
    broken = site.root / "broken.mp4"
    broken.write_bytes(b"not a video at all, and nothing that could be mended" * 100)
    keys = site.record(SESSION, [card_parts[0], broken, card_parts[2]], duration_s=7.0)
    await site.work()
    asset = site.check(SESSION)
    times = asset.video[640].times_s
    assert times[-1] - times[0] == pytest.approx(7 - FRAME_S, abs=0.05)
    assert max(b - a for a, b in pairwise(times)) < 0.1
    (missing,) = asset.description["missing"]
    assert missing["part"] == 2
    assert "text" in missing["reason"]
    assert "text" in site.failed(keys[1])["reason"]
    last = frames_of(card_parts[2])
    assert times[-len(last) :] == pytest.approx([MEDIA_ORIGIN_S + time for time in last], abs=0.001)


async def test_a_picture_that_changes_its_size_keeps_the_rungs_that_both_have(site: Site, media: Path) -> None:
    first = make_video(media / "first.mp4", 2, size="1280x640")
    second = make_video(media / "second-half.mp4", 2, size="640x360")
    shifted = media / "shifted.mp4"
    ffmpeg("-i", second, "-c", "copy", "-output_ts_offset", "2", "-avoid_negative_ts", "disabled", shifted)
    site.record(SESSION, [first, shifted])
    await site.work()
    text = site.egress.get_bytes(f"{SESSION.vod_prefix}{SESSION.id}/640/0002.m3u8")[0].decode()
    assert text.count("#EXT-X-MAP") == 2
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    sound = site.egress.get_bytes(f"{SESSION.vod_prefix}{SESSION.id}/0002/audio/index.m3u8")[0].decode()
    assert sound.count("#EXT-X-DISCONTINUITY\n") == 1, "players count discontinuities in pictures and sound alike"
    assert list(json.loads(site.egress.get_bytes(SESSION.asset_key)[0])["rungs"][0].values())[:2] == [640, 320]


async def test_pictures_with_no_rung_in_common_are_refused_in_words(site: Site, media: Path) -> None:
    first = make_video(media / "a.mp4", 1, size="640x320")
    second = make_video(media / "b.mp4", 1, size="320x160")
    shifted = media / "b1.mp4"
    ffmpeg("-i", second, "-c", "copy", "-output_ts_offset", "1", "-avoid_negative_ts", "disabled", shifted)
    site.record(SESSION, [first, shifted])
    await site.work()
    assert site.masters() == []
    assert "no rung in common" in site.failed(SESSION.end_key)["reason"]


async def test_a_frame_rate_that_varies_keeps_every_frame_at_its_time(site: Site, media: Path) -> None:
    path = media / "vfr.mkv"
    drop = "select='not(mod(n,3))+lt(n,30)'"  # 30 frames/s for a second, then 10
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x160:rate=30:duration=4", "-vf", drop, "-fps_mode", "passthrough"),
        *("-c:v", "libx264", "-bf", "2", "-force_key_frames", "expr:gte(t,n_forced)", "-pix_fmt", "yuv420p", path),
    )
    site.upload("vfr.mkv", path)
    await site.work(part_s=2)
    site.announce_parts()
    await site.work(part_s=2)
    (master,) = site.masters()
    session = Session(*master.split("/")[1:3])
    times = site.check(session).video[320].times_s
    source = frames_of(path)
    assert [t - times[0] for t in times] == pytest.approx([t - source[0] for t in source], abs=0.001)


async def test_an_upload_is_cut_and_becomes_an_asset_named_after_its_file(site: Site, card: Path) -> None:
    site.upload("3f2a/My Holiday.mov", card)
    await site.work(part_s=2.5)
    assert len(site.keys("vod/")) == 0
    site.announce_parts()
    await site.work()
    (entry,) = site.catalog()
    assert entry["title"] == "My Holiday"
    assert entry["name"].startswith("my-holiday-")
    session = Session(*entry["id"].split("/"))
    asset = site.check(session)
    assert len(asset.video[640].times_s) == 210
    offsets = (await measure_sync(str(asset.with_sound(640, site.root / "j.mkv")), Size(640, 320))).offsets()
    source = (await measure_sync(str(card), Size(640, 320))).offsets()
    assert max(abs(a - b) for a, b in zip(offsets, source, strict=True)) < FRAME_S / 2


def test_the_media_of_these_tests_has_what_they_test(card: Path, card_parts: list[Path]) -> None:
    assert probe(card, "-show_streams")["streams"][0]["has_b_frames"] > 0
    starts = [frames_of(part)[0] for part in card_parts]
    assert starts == pytest.approx([0, 3, 5], abs=0.1)
    assert sum(duration_of(part) for part in card_parts) == pytest.approx(7, abs=0.01)
