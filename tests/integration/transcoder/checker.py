"""An HLS checker for finished assets (RFC 8216), on files: it takes nothing from the code that wrote them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import m3u8

AAC_FRAME_S = 1024 / 48_000


@dataclass(slots=True)
class Checked:
    """One rendition as it was found: packets in order of presentation, seconds on the media clock."""

    media: Path
    starts_s: list[float] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    end_s: float = 0.0


@dataclass(slots=True)
class CheckedAsset:
    """A checked asset: its pictures by width (one file each, for further looking), its sound."""

    video: dict[int, Checked]
    audio: Checked | None
    description: dict[str, Any]

    def with_sound(self, width: int, target: Path) -> Path:
        """A rung and the sound in one file, times kept."""
        assert self.audio is not None
        both = ["-i", str(self.video[width].media), "-i", str(self.audio.media)]
        argv = ["ffmpeg", "-v", "error", "-y", "-copyts", *both, "-map", "0:v", "-map", "1:a", "-c", "copy"]
        subprocess.run([*argv, "-f", "matroska", str(target)], check=True)
        return target


def probe(path: Path, *show: str) -> dict[str, Any]:
    """ffprobe's JSON."""
    argv = ["ffprobe", "-v", "error", *show, "-of", "json", str(path)]
    return dict(json.loads(subprocess.run(argv, check=True, capture_output=True).stdout))


def packets(path: Path) -> list[dict[str, Any]]:
    """The packets of a file's only track."""
    return list(probe(path, "-show_packets")["packets"])


def check_asset(folder: Path, scratch: Path) -> CheckedAsset:
    """Check the asset in `folder`, which holds `master.m3u8`; an AssertionError says what is wrong."""
    master = m3u8.load(str(folder / "master.m3u8"))
    assert master.is_independent_segments
    named = {folder / "master.m3u8", folder / "asset.json"}
    description = json.loads((folder / "asset.json").read_text())
    sounds = [folder / media.uri for media in master.media if media.type == "AUDIO"]
    assert len(sounds) <= 1
    audio, audio_rates = None, (0.0, 0.0)
    if sounds:
        audio, audio_rates = _check_rendition(sounds[0], scratch / "audio.mp4", named, tolerance_s=AAC_FRAME_S + 0.001)
    video: dict[int, Checked] = {}
    for variant in master.playlists:
        info = variant.stream_info
        width, height = info.resolution
        assert (info.audio == master.media[0].group_id) if sounds else info.audio is None
        found, rates = _check_rendition(folder / variant.uri, scratch / f"{width}.mp4", named, tolerance_s=0.001)
        _check_codecs(found.media, info.codecs.split(","), bool(sounds))
        stream = probe(found.media, "-show_streams")["streams"][0]
        assert (stream["width"], stream["height"]) == (width, height)
        assert stream["pix_fmt"] == "yuv420p"
        assert info.bandwidth >= rates[0] + audio_rates[0], "a run of segments is faster than BANDWIDTH says"
        assert info.bandwidth <= 1.02 * (rates[0] + audio_rates[0]) + 1000
        assert abs(info.average_bandwidth - rates[1] - audio_rates[1]) <= 0.02 * info.average_bandwidth
        video[width] = found
    assert video
    if description["poster"]:
        named.add(folder / description["poster"])
        assert (folder / description["poster"]).read_bytes()[:3] == b"\xff\xd8\xff"
    widths = [rung["width"] for rung in description["rungs"]]
    assert widths == list(video)
    # asset.json of the recording itself stands beside its media.
    named.add(folder / description["recording"] / "asset.json")
    there = {path for path in folder.rglob("*") if path.is_file()}
    assert there == named, f"not named: {there - named}; not there: {named - there}"
    _check_alike(list(video.values()), audio)
    return CheckedAsset(video, audio, description)


def _check_rendition(
    playlist_path: Path, joined: Path, named: set[Path], *, tolerance_s: float
) -> tuple[Checked, tuple[float, float]]:
    playlist = m3u8.load(str(playlist_path))
    named.add(playlist_path)
    assert playlist.is_endlist
    assert playlist.playlist_type == "vod"
    folder = playlist_path.parent
    found = Checked(joined)
    data, init_of = b"", None
    durations, sizes = [], []
    for segment in playlist.segments:
        init, media = folder / segment.init_section.uri, folder / segment.uri
        named |= {init, media}
        assert media.stat().st_size > 0
        assert round(segment.duration) <= playlist.target_duration
        if init != init_of:
            assert init_of is None or segment.discontinuity
            init_of = init
            data += init.read_bytes()
        one = joined.with_suffix(".one")
        one.write_bytes(init.read_bytes() + media.read_bytes())
        inside = packets(one)
        assert "K" in inside[0]["flags"], f"{segment.uri} does not begin with a keyframe"
        found.starts_s.append(min(float(packet["pts_time"]) for packet in inside))
        found.times_s += sorted(float(packet["pts_time"]) for packet in inside)
        data += media.read_bytes()
        durations.append(segment.duration)
        sizes.append(media.stat().st_size)
        one.unlink()
    for (start_s, next_s), duration_s in zip(pairwise(found.starts_s), durations, strict=False):
        assert abs(next_s - start_s - duration_s) <= tolerance_s, f"EXTINF {duration_s}, but {next_s - start_s:.4f} s"
    found.end_s = found.starts_s[-1] + durations[-1]
    joined.write_bytes(data)
    return found, _rates(durations, sizes, playlist.target_duration)


def _rates(durations: Sequence[float], sizes: Sequence[int], target_s: float) -> tuple[float, float]:
    """Peak over runs of 0.5 to 1.5 target durations (RFC 8216, 4.3.4.2), and average."""
    average = 8 * sum(sizes) / sum(durations)
    peak = average
    for i in range(len(sizes)):
        for j in range(i + 1, len(sizes) + 1):
            if 0.5 * target_s <= sum(durations[i:j]) <= 1.5 * target_s:
                peak = max(peak, 8 * sum(sizes[i:j]) / sum(durations[i:j]))
    return peak, average


def _check_codecs(media: Path, codecs: list[str], sound: bool) -> None:
    data = media.read_bytes()
    at = data.index(b"avcC")
    assert codecs[0] == f"avc1.{data[at + 5]:02x}{data[at + 6]:02x}{data[at + 7]:02x}"
    assert codecs[1:] == (["mp4a.40.2"] if sound else [])


def _check_alike(video: Sequence[Checked], audio: Checked | None) -> None:
    """All rungs have the same frames and the same segments; the sound lasts as long as the pictures."""
    first = video[0]
    for other in video[1:]:
        assert other.times_s == first.times_s
        assert other.starts_s == first.starts_s
    if audio:
        assert abs(audio.starts_s[0] + AAC_FRAME_S - first.starts_s[0]) <= AAC_FRAME_S
        assert abs(audio.end_s - first.end_s) <= 2 * AAC_FRAME_S
