"""An HLS checker for finished assets (RFC 8216), on files: it takes nothing from the code that wrote them."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import m3u8

AAC_FRAME_S = 1024 / 48_000
LONGEST_STEP_S = 0.1


@dataclass(slots=True)
class Checked:
    """One rendition as it was found, joined in one file: packets in order of presentation, seconds on the media clock;
    `stream` is what ffprobe says of it."""

    media: Path
    starts_s: list[float] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    end_s: float = 0.0
    breaks_s: list[float] = field(default_factory=list)
    stream: Mapping[str, Any] = field(default_factory=dict)


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


def check_asset(folder: Path, scratch: Path, *, holes: bool = False) -> CheckedAsset:
    """Check the asset in `folder`, which holds `master.m3u8`; an AssertionError says what is wrong.

    `holes`: the source was damaged, so frames may be missing anywhere, and the sound may begin and end elsewhere.
    """
    master = m3u8.load(str(folder / "master.m3u8"))
    assert master.is_independent_segments
    named = {folder / "master.m3u8", folder / "asset.json"}
    description = json.loads((folder / "asset.json").read_text())
    sounds = [folder / media.uri for media in master.media if media.type == "AUDIO"]
    assert len(sounds) <= 1
    audio, audio_rates = None, (0.0, 0.0)
    if sounds:
        audio, audio_rates = _check_rendition(sounds[0], scratch / "audio.mp4", named, tolerance_s=AAC_FRAME_S + 0.001)
        _check_sound(audio.stream, int(master.media[0].channels))
    video: dict[int, Checked] = {}
    for variant in master.playlists:
        info = variant.stream_info
        width, height = info.resolution
        assert (info.audio == master.media[0].group_id) if sounds else info.audio is None
        found, rates = _check_rendition(
            folder / variant.uri, scratch / f"{width}.mp4", named, tolerance_s=0.001, holes=holes
        )
        _check_codecs(found.media, info.codecs.split(","), bool(sounds))
        assert (found.stream["width"], found.stream["height"]) == (width, height)
        assert found.stream["pix_fmt"] == "yuv420p"
        assert info.bandwidth >= rates[0] + audio_rates[0], "a run of segments is faster than BANDWIDTH says"
        assert info.bandwidth <= 1.02 * (rates[0] + audio_rates[0]) + 1000
        # Whole bits, rounded up for either.
        assert abs(info.average_bandwidth - rates[1] - audio_rates[1]) <= 0.02 * info.average_bandwidth + 2
        video[width] = found
    assert video
    if description["poster"]:
        named.add(folder / description["poster"])
        assert (folder / description["poster"]).read_bytes()[:3] == b"\xff\xd8\xff"
    cues = folder / description["thumbnails"]
    named |= {cues, *(cues.parent / name for name in re.findall(r"^(.+)#xywh=", cues.read_text(), re.MULTILINE))}
    widths = [rung["width"] for rung in description["rungs"]]
    assert widths == list(video)
    # asset.json of the edition itself stands beside what is its own.
    edition = Path(master.playlists[0].uri).stem
    named.add(folder / description["recording"] / edition / "asset.json")
    there = {path for path in folder.rglob("*") if path.is_file()}
    # What viewers of an earlier edition have or are about to ask for.
    earlier = {path for path in there if _edition_of(path) < edition}
    theirs = {path.parent / s.uri for path in earlier if path.suffix == ".m3u8" for s in m3u8.load(str(path)).segments}
    there -= earlier | (theirs - named)
    assert there == named, f"not named: {there - named}; not there: {named - there}"
    _check_alike(list(video.values()), audio, apart_s=0.5 if holes else AAC_FRAME_S)
    return CheckedAsset(video, audio, description)


def _edition_of(path: Path) -> str:
    """Of what is an edition's own, which one; else something later than all."""
    return next((part.split(".")[0] for part in path.parts if re.fullmatch(r"\d{4}[0-9-]*(\.m3u8)?", part)), "~")


def _check_rendition(
    playlist_path: Path, joined: Path, named: set[Path], *, tolerance_s: float, holes: bool = False
) -> tuple[Checked, tuple[float, float]]:
    playlist = m3u8.load(str(playlist_path))
    named.add(playlist_path)
    assert playlist.is_endlist
    assert playlist.playlist_type == "vod"
    assert playlist.is_independent_segments
    assert playlist.version >= 6, "EXT-X-MAP needs it"
    assert playlist.media_sequence == 0
    # 4.3.3.1: no segment's duration, rounded, is above it; and players wait in steps of it, so no more than needed.
    assert playlist.target_duration == max(1, *(math.floor(s.duration + 0.5) for s in playlist.segments))
    folder = playlist_path.parent
    found = Checked(joined)
    runs: list[tuple[Path, list[Path]]] = []  # segments that follow the same init
    for number, segment in enumerate(playlist.segments):
        init, media = folder / segment.init_section.uri, folder / segment.uri
        named |= {init, media}
        assert media.stat().st_size > 0
        assert segment.duration > 0
        if segment.discontinuity:
            found.breaks_s.append(sum(s.duration for s in playlist.segments[:number]))
        if not runs or runs[-1][0] != init:
            assert not runs or segment.discontinuity
            runs.append((init, []))
        runs[-1][1].append(media)
    decoded_s: list[float] = []
    for segment, inside in zip(playlist.segments, _each_independent(runs, found), strict=True):
        # Decoding goes on where the segment before ended: later than all of it, and not much later.
        decode_s = [float(packet["dts_time"]) for packet in inside]
        assert decode_s == sorted(set(decode_s)), f"{segment.uri}: decoding times go back"
        if decoded_s:
            step_s = max([LONGEST_STEP_S, *(b - a for a, b in pairwise(decoded_s[-9:]))])
            # Frames that wait for a later one are decoded two steps early, which differs where the rate varies.
            step_s = math.inf if holes else step_s
            assert 0 < decode_s[0] - decoded_s[-1] <= 4 * step_s or segment.discontinuity, f"{segment.uri}: a gap"
        decoded_s = decode_s
        found.starts_s.append(min(float(packet["pts_time"]) for packet in inside))
        found.times_s += sorted(float(packet["pts_time"]) for packet in inside)
    durations = [segment.duration for segment in playlist.segments]
    for (start_s, next_s), duration_s in zip(pairwise(found.starts_s), durations, strict=False):
        assert abs(next_s - start_s - duration_s) <= tolerance_s, f"EXTINF {duration_s}, but {next_s - start_s:.4f} s"
    found.end_s = found.starts_s[-1] + durations[-1]
    sizes = [media.stat().st_size for _, run in runs for media in run]
    return found, _rates(durations, sizes, playlist.target_duration)


def _each_independent(runs: Sequence[tuple[Path, Sequence[Path]]], found: Checked) -> Iterator[list[dict[str, Any]]]:
    """The packets of every segment, each of which decodes by itself from its first packet to its last; all of them
    are joined to the file `found` stands for."""
    found.media.write_bytes(b"")
    for init, segments in runs:
        data, bounds = init.read_bytes(), [init.stat().st_size]
        for segment in segments:
            data += segment.read_bytes()
            bounds.append(len(data))
        run = found.media.with_suffix(".run")
        run.write_bytes(data)
        # One ffprobe for all: what begins with an IDR picture needs nothing that came before.
        told = probe(run, "-show_packets", "-show_frames", "-show_streams")
        run.unlink()
        found.stream = told["streams"][0]
        frames = {int(entry["pkt_pos"]): entry for entry in told["packets_and_frames"] if entry["type"] == "frame"}
        packets = [entry for entry in told["packets_and_frames"] if entry["type"] == "packet"]
        for segment, (begin, end) in zip(segments, pairwise(bounds), strict=True):
            inside = [packet for packet in packets if begin <= int(packet["pos"]) < end]
            decoded = [int(packet["pos"]) for packet in inside if int(packet["pos"]) in frames]
            assert "K" in inside[0]["flags"], f"{segment.name} does not begin with a keyframe"
            assert len(decoded) == len(inside), f"{segment.name}: {len(decoded)} of {len(inside)} frames decode"
            if inside[0]["codec_type"] == "video":
                first = decoded[0]
                assert _is_idr(data[first : first + int(inside[0]["size"])]), f"{segment.name}: no IDR picture"
                assert frames[first]["pict_type"] == "I"
                shown_s = min(float(packet["pts_time"]) for packet in inside)
                assert shown_s == float(inside[0]["pts_time"]), "a frame before the keyframe"
            yield inside
        with found.media.open("ab") as joined:
            joined.write(data)


def _is_idr(sample: bytes) -> bool:
    """Whether the first slice of a picture in H.264 is one of an IDR picture (ISO/IEC 14496-10, 7.4.1)."""
    while sample:
        size, kind = int.from_bytes(sample[:4]), sample[4] & 0x1F
        if kind in (1, 5):
            return kind == 5
        sample = sample[4 + size :]
    return False


def _check_sound(stream: Mapping[str, Any], channels: int) -> None:
    assert (stream["codec_name"], stream["profile"]) == ("aac", "LC")
    assert stream["channels"] == channels


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


def _check_alike(video: Sequence[Checked], audio: Checked | None, *, apart_s: float) -> None:
    """All rungs have the same frames and the same segments; the sound lasts as long as the pictures."""
    first = video[0]
    for other in video[1:]:
        assert other.times_s == first.times_s
        assert other.starts_s == first.starts_s
        assert other.breaks_s == first.breaks_s
    if audio:
        assert len(audio.breaks_s) == len(first.breaks_s), "players count discontinuities in sound and pictures alike"
        assert abs(audio.starts_s[0] + AAC_FRAME_S - first.starts_s[0]) <= apart_s
        assert abs(audio.end_s - first.end_s) <= 2 * apart_s
