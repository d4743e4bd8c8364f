"""HLS playlists (RFC 8216), written and read on top of the m3u8 package."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import m3u8

from panocast.ladder import Size

AAC_LC = "mp4a.40.2"
_PROFILES = {
    "Constrained Baseline": "42c0",
    "Baseline": "4200",
    "Main": "4d00",
    "High": "6400",
    "High 10": "6e00",
    "High 4:2:2": "7a00",
    "High 4:4:4 Predictive": "f400",
}


def h264_codec(profile: str, level: int) -> str:
    """RFC 6381's name for H.264 of ffprobe's `profile` and `level` (40 is 4.0); an unknown profile passes as High."""
    return f"avc1.{_PROFILES.get(profile, '6400')}{level:02x}"


def h264_codec_of_init(init: bytes) -> str | None:
    """RFC 6381's name for the H.264 track of an fMP4 init segment, as its avcC box says, or None without one."""
    at = init.find(b"avcC")
    return f"avc1.{init[at + 5 : at + 8].hex()}" if at >= 0 and len(init) >= at + 8 else None


@dataclass(frozen=True, slots=True)
class Variant:
    """EXT-X-STREAM-INF: one rendition of the ladder, rates in bits/s."""

    uri: str
    bandwidth_bps: int
    size: Size
    codecs: str
    frame_rate: Fraction
    average_bandwidth_bps: int | None = None


@dataclass(frozen=True, slots=True)
class AudioRendition:
    """EXT-X-MEDIA of type AUDIO that all variants share."""

    uri: str
    channels: int
    group: str = "audio"
    name: str = "default"


@dataclass(frozen=True, slots=True)
class Segment:
    """EXTINF: one segment; `map_uri` is its EXT-X-MAP, `discontinuity` says it does not continue the one before."""

    uri: str
    duration_s: float
    map_uri: str | None = None
    discontinuity: bool = False


def multivariant_playlist(variants: Sequence[Variant], audio: AudioRendition | None = None) -> str:
    """The multivariant playlist of `variants`, in their order (the first is where a player starts)."""
    playlist = m3u8.M3U8()
    playlist.version = "6"
    playlist.is_independent_segments = True
    playlist.is_variant = True
    group = m3u8.MediaList()
    if audio:
        group.append(
            m3u8.Media(
                uri=audio.uri,
                type="AUDIO",
                group_id=audio.group,
                name=audio.name,
                default="YES",
                autoselect="YES",
                channels=str(audio.channels),
            )
        )
        playlist.add_media(group[0])
    for variant in variants:
        info = {
            "bandwidth": variant.bandwidth_bps,
            "average_bandwidth": variant.average_bandwidth_bps,
            "codecs": variant.codecs,
            "resolution": str(variant.size),
            "frame_rate": round(float(variant.frame_rate), 3),
            "audio": audio.group if audio else None,
        }
        # The package writes a variant's AUDIO attribute only where the media it is given has that group.
        playlist.add_playlist(m3u8.Playlist(variant.uri, info, group, None))
    return str(playlist.dumps())


def variant_uris(text: str) -> list[str]:
    """The variants' URIs of a multivariant playlist, in order."""
    return [str(playlist.uri) for playlist in m3u8.loads(text).playlists]


def vod_playlist(segments: Sequence[Segment]) -> str:
    """The media playlist of a finished rendition; each change of `map_uri` is written out."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{target_duration(segments)}"]
    lines += ["#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS"]
    current: str | None = None
    for segment in segments:
        if segment.discontinuity:
            lines.append("#EXT-X-DISCONTINUITY")
        if segment.map_uri and (segment.map_uri != current or segment.discontinuity):
            lines.append(f'#EXT-X-MAP:URI="{segment.map_uri}"')
            current = segment.map_uri
        lines += [f"#EXTINF:{segment.duration_s:.6f},", segment.uri]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def target_duration(segments: Sequence[Segment]) -> int:
    """EXT-X-TARGETDURATION: no segment's duration, rounded to the nearest second, exceeds it."""
    longest = max((segment.duration_s for segment in segments), default=1.0)
    return max(1, math.floor(longest + 0.5))


def bit_rates(segments: Sequence[Segment], sizes: Sequence[int]) -> tuple[int, int]:
    """The peak and the average bits/s of segments of `sizes` bytes.

    The peak is that of any run of segments that lasts 0.5 to 1.5 target durations (RFC 8216, 4.3.4.2).
    """
    total_s = sum(segment.duration_s for segment in segments)
    average = math.ceil(8 * sum(sizes) / total_s) if total_s > 0 else 0
    target_s, peak = target_duration(segments), average
    for first in range(len(segments)):
        run_s, run_bytes = 0.0, 0
        for index in range(first, len(segments)):  # a slice would be copied, a day's for each of a day's segments
            run_s, run_bytes = run_s + segments[index].duration_s, run_bytes + sizes[index]
            if run_s > 1.5 * target_s:
                break
            if run_s >= 0.5 * target_s:
                peak = max(peak, math.ceil(8 * run_bytes / run_s))
    return peak, average


@dataclass(frozen=True, slots=True)
class MediaPlaylist:
    """What a media playlist says: the number of its first segment, and its segments."""

    media_sequence: int
    segments: tuple[Segment, ...]
    ended: bool


def parse_media_playlist(text: str) -> MediaPlaylist:
    """Read a media playlist; one that is cut off or empty has no segments."""
    playlist = m3u8.loads(text)
    segments = tuple(
        Segment(
            uri=str(segment.uri),
            duration_s=float(segment.duration or 0.0),
            map_uri=segment.init_section.uri if segment.init_section else None,
            discontinuity=bool(segment.discontinuity),
        )
        for segment in playlist.segments
        if segment.uri
    )
    return MediaPlaylist(int(playlist.media_sequence or 0), segments, bool(playlist.is_endlist))
