"""Primary and backup each lack something of an event: one asset has every frame of it, once, in order."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from panocast.layout import Session
from tests.integration.transcoder.site import Site, cut, ffmpeg, session_at

pytestmark = pytest.mark.slow
PRIMARY = session_at(1)
BACKUP = session_at(0, role="backup")
FPS = 30
FRAMES = 8 * FPS


@pytest.fixture(scope="module")
def event(media: Path) -> list[Path]:
    """Eight seconds in parts of one; each frame tells its number in eight bars, black or white."""
    path = media / "event.mp4"
    bars = "geq=lum='if(bitand(N,pow(2,X)),210,40)':cb=128:cr=128,scale=640:320:flags=neighbor,format=yuv420p"
    inputs = ["-f", "lavfi", "-i", f"color=size=8x4:rate={FPS}:duration=8,format=yuv444p,{bars}"]
    inputs += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=8", "-c:a", "aac"]
    video = [
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-bf",
        "2",
        "-x264-params",
        "b-adapt=0:scenecut=0",
        "-g",
        str(FPS),
    ]
    ffmpeg(*inputs, *video, path)
    parts = cut(path, media / "event", 1.0)
    assert len(parts) == 8
    return parts


@dataclass(frozen=True)
class Sent:
    """A part of the event as an origin received it: so many frames of it (None: all)."""

    second: int
    frames: int | None = None


def recorded(event: Sequence[Path], folder: Path, *sent: Sent) -> list[Path]:
    """A recording of these parts, one right after the other on a clock of its own, as the origin places them."""
    folder.mkdir()
    parts: list[Path] = []
    at_s = 0.0
    for part in sent:
        path = folder / f"{len(parts)}.mp4"
        cut_off = ["-frames:v", str(part.frames), "-to", str(part.second + part.frames / FPS)] if part.frames else []
        where = ["-output_ts_offset", f"{at_s - part.second:.6f}", "-avoid_negative_ts", "disabled"]
        ffmpeg("-copyts", "-i", event[part.second], "-c", "copy", *cut_off, *where, path)
        parts.append(path)
        at_s += (part.frames or FPS) / FPS
    return parts


def numbers(pictures: Path) -> list[int]:
    """The numbers that the frames of a rung show."""
    look = ["-vf", "scale=8:1:flags=area,format=gray", "-fps_mode", "passthrough", "-f", "rawvideo", "-"]
    argv = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(pictures), *look]
    data = subprocess.run(argv, check=True, capture_output=True).stdout
    frames = [data[i : i + 8] for i in range(0, len(data), 8)]
    return [sum((value > 125) << bit for bit, value in enumerate(frame)) for frame in frames]


def silences(sound: Path) -> list[str]:
    """Where the tone is missing for longer than the sound of a cut connection ends before its pictures."""
    argv = ["ffmpeg", "-nostdin", "-i", str(sound), "-af", "silencedetect=noise=-40dB:d=0.2", "-f", "null", "-"]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stderr
    return [line for line in said.splitlines() if "silence_start" in line]


async def finish(site: Site, *recordings: tuple[Session, list[Path], tuple[int, ...]]) -> None:
    """Both are in the store before either is finished; then the one first, then the other. They stay there."""
    keys = [site.record(s, parts, announce=False, seams=seams) for s, parts, seams in recordings]
    for some in keys:
        site.announce(*some)
        await site.work(concurrency=2)
    assert {stat.key for stat in site.ingest.list("recordings/")} == {key for some in keys for key in some}


@pytest.mark.parametrize("first", [PRIMARY, BACKUP])
async def test_what_the_one_missed_comes_from_the_other_to_the_frame(
    site: Site, event: list[Path], tmp_path: Path, first: Session
) -> None:
    """The primary came later, lost its encoder in the middle of a GOP, and at the end; the backup lost it elsewhere."""
    primary = recorded(event, tmp_path / "p", Sent(1), Sent(2, 19), Sent(5), Sent(6))
    backup = recorded(event, tmp_path / "b", Sent(0), Sent(1), Sent(2), Sent(3), Sent(4, 13), Sent(6, 22), Sent(7))
    both = [(PRIMARY, primary, (3,)), (BACKUP, backup, (6, 7))]
    await finish(site, *(both if first == PRIMARY else reversed(both)))
    asset = site.check(BACKUP)
    # What nobody has are the last frames of second 4, and the backup's last of second 6 are the primary's.
    assert numbers(asset.video[640].media) == [n for n in range(FRAMES) if not 4 * FPS + 13 <= n < 5 * FPS]
    assert asset.audio is not None
    assert silences(asset.audio.media) == []
    assert (asset.description["recording"], asset.description["partner"]) == (BACKUP.id, PRIMARY.id)
    assert asset.description["frames"] == FRAMES - 17
    assert site.queue.dead() == []


async def test_a_head_and_a_tail_come_from_the_other(site: Site, event: list[Path], tmp_path: Path) -> None:
    primary = recorded(event, tmp_path / "p", *map(Sent, range(1, 7)))
    backup = recorded(event, tmp_path / "b", *map(Sent, (0, 1, 6, 7)))
    await finish(site, (PRIMARY, primary, ()), (BACKUP, backup, (3,)))
    (place,) = site.masters()
    asset = site.check(PRIMARY if PRIMARY.path in place else BACKUP)
    assert numbers(asset.video[640].media) == list(range(FRAMES))
    assert asset.audio is not None
    assert silences(asset.audio.media) == []
    assert asset.description["recording"] == PRIMARY.id
