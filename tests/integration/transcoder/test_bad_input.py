"""What is no video, or hides something, is refused in words; the worker goes on with everything else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from panocast.layout import Session
from panocast.recording import EndMarker
from tests.integration.transcoder.site import Site, ffmpeg, make_video, session_at

pytestmark = pytest.mark.slow
SESSION = session_at()


async def refused(site: Site, name: str, content: bytes | Path) -> str:
    """Upload something bad and, after it, something good: the good one becomes an asset. Gives the reason."""
    key = site.upload(name, content)
    await site.work()
    (dead,) = site.queue.dead()
    written = site.failed(key)
    assert written["key"] == key
    assert written["tries"] == 1
    assert dead.reason == written["reason"]
    assert site.masters() == []
    assert list(site.ingest.list("recordings/")) == []
    return str(written["reason"])


async def test_an_empty_file_is_refused(site: Site) -> None:
    assert "empty" in await refused(site, "x.mp4", b"")


async def test_text_is_refused(site: Site) -> None:
    assert "text, not a video" in await refused(site, "x.mp4", b"Dear Sir or Madam,\n" * 500)


async def test_an_unknown_container_is_refused(site: Site) -> None:
    assert "unknown container" in await refused(site, "x.mp4", bytes(range(256)) * 50)


async def test_a_playlist_in_disguise_reads_no_other_file(site: Site, media: Path) -> None:
    """Guarantee 2: the secret clip in a sibling folder does not turn up: nothing is written but words."""
    secret = make_video(site.root / "secret.ts", 1, size="320x160")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    assert "HLS playlist" in await refused(site, "x.mp4", playlist.encode())
    assert len(site.keys("")) == 1, "nothing but the words about it"


async def test_an_ffconcat_script_in_disguise_reads_no_other_file(site: Site, small: Path) -> None:
    script = f"ffconcat version 1.0\nfile {small}\n"
    assert "ffconcat" in await refused(site, "x.mp4", script.encode())


async def test_a_part_that_is_a_playlist_reads_no_other_file(site: Site, small: Path) -> None:
    script = site.root / "part.mp4"
    script.write_bytes(f"ffconcat version 1.0\nfile '{small}'\n".encode())
    part, end = site.record(SESSION, [script], duration_s=2)
    await site.work()
    assert "ffconcat" in site.failed(part)["reason"]
    assert "none of its parts" in site.failed(end)["reason"]
    assert site.keys("vod/") == []


async def test_a_file_that_is_cut_off_before_its_index_is_refused(site: Site, small: Path) -> None:
    whole = await asyncio.to_thread(small.read_bytes)
    assert "cannot be read" in await refused(site, "x.mp4", whole[: len(whole) // 2])


async def test_audio_alone_is_refused(site: Site, media: Path) -> None:
    song = media / "song.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", song)
    assert "no video track, only audio" in await refused(site, "x.mp4", song)


async def test_a_codec_that_no_part_can_hold_is_refused_in_words(site: Site, media: Path) -> None:
    old = media / "old.webm"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x160:duration=1", "-c:v", "libvpx", old)
    assert "vp8" in await refused(site, "x.webm", old)


async def test_a_codec_that_only_mov_can_hold_is_taken(site: Site, media: Path) -> None:
    pro = media / "pro.mov"
    pictures = ["-f", "lavfi", "-i", "testsrc2=size=320x160:duration=1:rate=30"]
    tone = ["-f", "lavfi", "-i", "sine=duration=1:sample_rate=48000"]
    ffmpeg(*pictures, *tone, "-c:v", "prores_ks", "-c:a", "pcm_s16le", pro)
    site.upload("pro.mov", pro)
    await site.work()
    site.announce_parts()
    await site.work()
    session = Session(*site.masters()[0].split("/")[1:3])
    assert len(site.check(session).video[320].times_s) == 30


async def test_a_bomb_of_pixels_is_refused(site: Site, small: Path) -> None:
    site.settings["max_pixels"] = 320 * 160 - 1
    reason = await refused(site, "x.mp4", small)
    assert reason


async def test_a_picture_within_a_song_is_no_video(site: Site, media: Path) -> None:
    cover, song = media / "cover.jpg", media / "covered.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x64", "-frames:v", "1", cover)
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-i", cover, "-map", "0", "-map", "1", "-c:a", "aac",
           "-c:v", "mjpeg", "-disposition:v", "attached_pic", song)  # fmt: skip
    assert "only audio" in await refused(site, "x.mp4", song)


async def test_a_hostile_name_is_a_name(site: Site, small: Path) -> None:
    """Guarantee 9, as far as it concerns uploads: nothing of the name is run, nothing lands outside."""
    names = [
        "$(touch canary).mp4",
        "-y.mp4",
        "a;b|c&.mp4",
        "%05d.mp4",
        "line\nbreak.mp4",
        "日本.mp4",
        "x" * 250 + ".mp4",
    ]
    for name in names:
        site.upload(name, small)
    await site.work()
    site.announce_parts()
    await site.work()
    assert len(site.masters()) == len(names)
    assert site.queue.dead() == []
    assert not list(site.root.rglob("canary"))


async def test_a_long_name_can_fail_in_words(site: Site) -> None:
    site.upload("x" * 251 + ".mp4", b"text")
    await site.work()
    (key,) = site.keys("failed/")
    assert "text" in json.loads(site.egress.get_bytes(key)[0])["reason"]


async def test_an_end_marker_that_makes_no_sense_is_refused(site: Site, small: Path) -> None:
    site.record(SESSION, [small], closed=False)
    site.ingest.put_bytes(SESSION.end_key, b'{"name": 7}')
    site.announce(SESSION.end_key)
    await site.work()
    assert "makes no sense" in site.failed(SESSION.end_key)["reason"]


async def test_a_recording_of_nothing_is_refused_in_words(site: Site) -> None:
    marker = EndMarker(name="cam", session=SESSION.id, parts=0, duration_s=0, started=SESSION.started, origin="primary")
    site.ingest.put_bytes(SESSION.end_key, marker.model_dump_json().encode())
    site.announce(SESSION.end_key)
    await site.work()
    assert "no parts" in site.failed(SESSION.end_key)["reason"]


async def test_nonsense_in_the_queue_does_no_harm(site: Site, small_parts: list[Path]) -> None:
    for body in ("{", "[]", '{"Event": "s3:TestEvent"}', '{"job": {"key": "uploads/gone.mp4"}}'):
        site.queue.send(body)
    site.record(SESSION, small_parts)
    await site.work()
    site.check(SESSION)
    assert "deleted before its turn" in site.failed("uploads/gone.mp4")["reason"]
    assert len(site.queue.dead()) == 1
