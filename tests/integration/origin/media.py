"""What ffprobe and ffmpeg say of media, for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from panocast.process import Command, run
from tests.integration.origin.encoder import H264, argv, publish
from tests.media import output_of


@dataclass(frozen=True)
class Packet:
    """One packet: its track, its times in seconds."""

    track: str
    pts_s: float
    dts_s: float
    keyframe: bool


async def packets(path: Path | str) -> list[Packet]:
    """Every packet of a file, in its order."""
    lines = await run(
        Command("ffprobe", ["ffprobe", "-v", "error", "-show_packets", "-of", "json", str(path)]), timeout_s=60
    )
    return [
        Packet(p["codec_type"], float(p["pts_time"]), float(p["dts_time"]), "K" in p["flags"])
        for p in json.loads("\n".join(lines))["packets"]
    ]


async def frame_widths(path: Path) -> list[int]:
    """The width of every frame of video; an AssertionError when the decoder complains of anything."""
    words = ("-v", "error", "-select_streams", "v:0", "-show_entries", "frame=width", "-of", "csv=p=0")
    out, complaints = await output_of("ffprobe", *words, str(path))
    assert not complaints
    return [int(line.split(",")[0]) for line in out.splitlines() if line.strip()]


async def decoded(path: Path) -> int:
    """How many frames of video come out of a file; an AssertionError when the decoder complains of anything."""
    return len(await frame_widths(path))


def join_flv(files: list[Path], joined: Path, shift_ms: int) -> None:
    """Join FLV files into one whose picture changes on the way, each file `shift_ms` after the one before."""
    data = files[0].read_bytes()[:13]
    for n, file in enumerate(files):
        content, at = file.read_bytes(), 13
        while at < len(content):
            size = int.from_bytes(content[at + 1 : at + 4], "big")
            time = int.from_bytes(content[at + 4 : at + 7], "big") + n * shift_ms
            if n == 0 or content[at] != 18:  # its metadata are the first one's
                tag = content[at : at + 4] + (time & 0xFFFFFF).to_bytes(3, "big") + content[at + 7 : at + 15 + size]
                data += tag
            at += 15 + size
    joined.write_bytes(data)


async def changing(folder: Path, url: str, sizes: Sequence[str], seconds: float) -> list[str]:
    """What publishes a picture that changes its size every `seconds`."""
    clips = []
    for n, size in enumerate(sizes):
        clips.append(folder / f"clip{n}.flv")
        video = (*H264, "-bf", "0")
        words = argv(str(clips[-1]), seconds=seconds, size=size, realtime=False, video=video)
        assert (await publish(["ffmpeg", "-y", *words[1:]])).returncode == 0
    joined = folder / "joined.flv"
    join_flv(clips, joined, round(seconds * 1000))
    return ["ffmpeg", "-v", "warning", "-nostdin", "-re", "-i", str(joined), "-c", "copy", "-f", "flv", url]


async def count_frames(path: Path) -> int:
    """How many frames of video a file holds."""
    return sum(packet.track == "video" for packet in await packets(path))
