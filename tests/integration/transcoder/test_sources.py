"""Whatever people upload, cut and joined again: frame for frame what it was, in sync, without a click."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from panocast.layout import PartKey, UploadKey, parse_ingest_key
from panocast.process import Command, run
from tests.integration.transcoder.checker import CheckedAsset, probe
from tests.integration.transcoder.counted import RATE_HZ, Levels, beeps, clicks, frame_times, hear, look, sound, write
from tests.integration.transcoder.site import Site, ffmpeg
from transcoder.encode import MEDIA_ORIGIN_S, Span
from transcoder.finish import finish
from transcoder.part import transcode_part
from transcoder.sound import audio_argv, concat_script
from transcoder.upload import cut_upload

pytestmark = pytest.mark.slow

PART_S = 2.0
# Less than a frame of the fastest source here; the sound itself is placed to the sample.
SYNC_S = 0.015
X264 = ("-c:v", "libx264", "-preset", "superfast", "-bf", "3", "-pix_fmt", "yuv420p")
OPEN = "open-gop=1:b-adapt=0:scenecut=0:keyint={gop}:min-keyint={gop}"
AAC = ("-c:a", "aac", "-b:a", "192k")
# 6 channels, of which the first two sound.
SURROUND = ("-af", "pan=5.1|FL=c0|FR=c1|FC=0*c0|LFE=0*c0|BL=0*c0|BR=0*c0")
STEREO = sound(6)
HDR10 = {"color_primaries": "bt2020", "colorspace": "bt2020nc", "color_range": "tv"}


def gop(frames: int) -> tuple[str, ...]:
    return ("-g", str(frames), "-keyint_min", str(frames), "-sc_threshold", "0")


def tags(**values: str) -> tuple[str, ...]:
    return tuple(word for name, value in values.items() for word in (f"-{name}", value))


def x265(options: str, *more: str) -> tuple[str, ...]:
    return ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", f"log-level=error:pools=2:{options}", *more)


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of source: how it is made, and what must come of it."""

    name: str
    make: Callable[[Path], None]
    parts: int = 3
    channels: int = 2
    silent_s: tuple[float, float] = (0, 0)
    tags: tuple[str, str] = ("bt709", "bt709")
    luma: tuple[float, float] = (110, 235)


def varying(path: Path) -> None:
    """Two seconds of 30 frames/s, then 12 in uneven steps, a keyframe about each second, clock in milliseconds."""
    retimed = "setpts='if(lt(N,60),N/30,2+(N-60)/12+0.02*mod(N,3))/TB'"
    frames = ("-vf", retimed, "-fps_mode", "passthrough", "-enc_time_base", "1:1000")
    write(path, (*X264, *frames, "-force_key_frames", "expr:gte(t,n_forced)"), count=108)


def trimmed(path: Path) -> None:
    """Cut out of a longer clip without encoding: the file begins with frames that its edit list does not show."""
    whole = path.with_name("whole.mp4")
    write(whole, (*X264, "-x264-params", OPEN.format(gop=30)), AAC, count=210, samples=sound(7))
    ffmpeg("-ss", "0.5", "-i", whole, "-c", "copy", path)


def turned(path: Path, turns: int, degrees: int) -> None:
    """Stored as the sensor lies, with a note how to turn it."""
    as_stored = path.with_name("stored.mov")
    write(as_stored, (*X264, *gop(30)), count=90, turns=turns)
    ffmpeg("-i", as_stored, "-c", "copy", "-metadata:s:v:0", f"rotate={degrees}", path)


SOURCES = (
    Source(
        "h264-open-gop-29.97-surround.mp4",
        lambda path: write(
            path, (*X264, "-x264-params", OPEN.format(gop=30)), (*SURROUND, *AAC),
            rate=Fraction(30000, 1001), samples=sound(6.006, every_s=1.001),
        ),
    ),
    Source(
        "hevc-open-gop-50-mono.mp4",
        lambda path: write(
            path, x265(OPEN.format(gop=50) + ":bframes=4", "-tag:v", "hvc1"), AAC,
            count=300, rate=Fraction(50), samples=sound(6, mono=True), channels=1,
        ),
        channels=1,
    ),
    Source(
        "mpeg2-open-gop-60-from-an-hour-on.ts",
        lambda path: write(
            path,
            ("-c:v", "mpeg2video", "-b:v", "4M", "-bf", "2", *gop(60), "-output_ts_offset", "3600"),
            ("-c:a", "mp2", "-b:a", "256k"), count=360, rate=Fraction(60), samples=STEREO,
        ),
    ),
    Source("h264-varying-rate.mkv", varying, channels=0),
    Source("h264-trimmed-by-edit-list.mp4", trimmed, parts=4),
    Source(
        "h264-upright-phone.mov",
        lambda path: turned(path, 3, 90), parts=2, channels=0,
    ),
    Source("h264-phone-upside-down.mov", lambda path: turned(path, 2, 180), parts=2, channels=0),
    Source("h264-phone-other-way.mov", lambda path: turned(path, 1, 270), parts=2, channels=0),
    Source(
        "hevc-hlg.mp4",
        lambda path: write(
            path, x265("bframes=3:keyint=30:open-gop=0", "-tag:v", "hvc1", *tags(**HDR10, color_trc="arib-std-b67")),
            # ITU-R BT.2408: 38 % of the signal is the grey card, 75 % is white.
            levels=Levels(64, 64 + round(0.38 * 876), 64 + round(0.75 * 876), 10),
        ),
        channels=0, luma=(16 + 0.42 * 219, 16 + 0.85 * 219),
    ),
    Source(
        "hevc-hdr10.mkv",
        lambda path: write(
            path, x265("bframes=3:keyint=30:open-gop=0", *tags(**HDR10, color_trc="smpte2084")), AAC,
            levels=Levels(64, 64 + round(0.38 * 876), 64 + round(0.58 * 876), 10), samples=STEREO,
        ),
        luma=(16 + 0.42 * 219, 16 + 0.85 * 219),
    ),
    Source(
        # 10 bit: for 8 bit, ffmpeg has pixel layouts that mean full range, and does it by itself.
        "hevc-full-range-bt601-10-bit.mp4",
        lambda path: write(
            path,
            x265("bframes=3:keyint=30:open-gop=0:range=full", "-tag:v", "hvc1",
                 *tags(color_range="pc", colorspace="smpte170m", color_primaries="smpte170m", color_trc="smpte170m")),
            levels=Levels(0, 440, 1020, 10),
        ),
        channels=0, tags=("smpte170m", "smpte170m"), luma=(16 + 110 * 219 / 255, 235),
    ),
    Source(
        "vp9-opus.webm",
        lambda path: write(
            path, ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", *gop(30)),
            ("-c:a", "libopus", "-b:a", "192k"), samples=STEREO,
        ),
    ),
    Source(
        "av1-flac.mkv",
        lambda path: write(
            path, ("-c:v", "libsvtav1", "-preset", "8", "-crf", "20", "-g", "30"), ("-c:a", "flac"), samples=STEREO
        ),
    ),
    Source(
        "prores-ambisonic.mov",
        lambda path: write(
            path, ("-c:v", "prores_ks", "-profile:v", "1", "-pix_fmt", "yuv422p10le"), ("-c:a", "pcm_s16le"),
            samples=sound(6, ambisonic=True), channels=4,
        ),
    ),
    Source(
        "h264-pictures-begin-late-and-end-early.mp4",
        lambda path: write(
            path, (*X264, *gop(30)), (*AAC, "-ar", "44100"), samples=sound(7.5, first_s=0.7), pictures_from_s=0.7
        ),
    ),
    Source(
        "h264-silent-in-the-middle.mkv",
        lambda path: write(
            path, (*X264, *gop(30)), ("-af", "aselect='lt(t,1.9)+gte(t,4)'", "-c:a", "pcm_s16le"), samples=STEREO
        ),
        silent_s=(1.9, 4),
    ),
    Source(
        "h264-one-keyframe.mp4",
        lambda path: write(path, (*X264, *gop(9999)), AAC, samples=STEREO),
        parts=1,
    ),
    Source("one-frame.mp4", lambda path: write(path, X264, count=1), parts=1, channels=0),
)  # fmt: skip


async def publish(site: Site, path: Path) -> tuple[int, CheckedAsset]:
    """Upload, cut, transcode every part, publish, check: gives the number of parts and the asset."""
    key = f"uploads/{path.name}"
    site.ingest.put_file(key, path)
    place = site.place(part_s=PART_S)
    session = await cut_upload(place, UploadKey(key))
    parts = [at for stat in site.ingest.list("recordings/") if isinstance(at := parse_ingest_key(stat.key), PartKey)]
    await asyncio.gather(*(transcode_part(place, part) for part in parts))
    assert await finish(place, session)
    # A part that comes once more, after all is published, changes nothing.
    await transcode_part(place, parts[0])
    assert await finish(place, session) is None
    return len(parts), site.check(session)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
async def test_every_kind_of_source_is_joined_without_a_seam(site: Site, source: Source) -> None:
    path = site.root / source.name
    source.make(path)
    before = look(path)
    parts, asset = await publish(site, path)
    (rung,) = asset.video.values()
    after = look(rung.media)

    assert parts == source.parts
    assert before.numbers == sorted(set(before.numbers)), "the source itself lacks frames"
    assert after.numbers == before.numbers, "frames are missing, doubled, out of order or broken"
    wanted = frame_times(path)
    assert [time - rung.times_s[0] for time in rung.times_s] == pytest.approx(
        [time - wanted[0] for time in wanted], abs=0.001
    )

    stream = probe(rung.media, "-show_streams")["streams"][0]
    assert (stream["color_space"], stream["color_primaries"]) == source.tags
    assert stream.get("color_range", "tv") == "tv"
    assert stream["color_transfer"] == source.tags[1]
    _, grey, white = after.patches.mean(axis=0)
    assert (grey, white) == pytest.approx(source.luma, abs=7)
    assert abs(after.chroma.astype(float) - 128).max() < 8, "grey became coloured"

    assert (asset.audio is None) == (source.channels == 0)
    if asset.audio is None:
        return
    assert asset.description["audio_channels"] == source.channels
    heard = hear(asset.audio.media, source.channels)
    flashes = [time for time, lit in zip(rung.times_s, after.patches[:, 0] > after.patches[:, 1], strict=True) if lit]
    audible = [f for f in flashes if not source.silent_s[0] <= f - rung.times_s[0] < source.silent_s[1]]
    starts = beeps(heard[-1], asset.audio.times_s[0])
    assert len(flashes) >= 5
    assert starts == pytest.approx(audible, abs=SYNC_S), "sound and pictures are apart"
    if source.channels == 2 and source.silent_s == (0, 0):
        inner = heard[0][RATE_HZ // 2 : -RATE_HZ // 2]
        assert abs(inner).max() > 0.1, "the tone is not where it should be"
        assert clicks(inner) < 0.05


async def test_sound_that_ends_before_the_pictures_begin_leaves_silence(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=r=44100:d=0.5", "-c:a", "aac", tmp_path / "0001.mov")
    (tmp_path / "audio.ffconcat").write_text(concat_script([("0001.mov", 0)]))
    (tmp_path / "audio").mkdir()
    pictures = Span(6.45, 10)
    await run(Command("sound", audio_argv("audio.ffconcat", 0, pictures, 1, segment_s=2), cwd=tmp_path))
    packets = probe(tmp_path / "audio/index.m3u8", "-show_packets")["packets"]
    first_s, last_s = (float(packets[place]["pts_time"]) - MEDIA_ORIGIN_S for place in (0, -1))
    assert first_s == pytest.approx(pictures.start_s, abs=0.03)
    assert last_s == pytest.approx(pictures.end_s, abs=0.05)
