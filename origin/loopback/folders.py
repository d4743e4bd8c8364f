"""The application `show` and nginx's HLS folders: where rungs go, what of them is playable, what is cleared away."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from origin.admission import RUNG_NAME
from origin.ladder import Target
from origin.paths import OriginPaths
from origin.stat import Published, VideoMeta
from panocast.feed import FeedRung
from panocast.hls import AAC_LC, h264_codec, parse_media_playlist
from panocast.keys import stream_key
from panocast.ladder import LIVE_AUDIO_BPS, Rung
from panocast.live_hls import live_multivariant

# What MPEG-TS and RTMP's uneven bursts put on top of a ceiling that holds over a second.
OVERHEAD = 1.15


@dataclass(frozen=True, slots=True)
class Loopback:
    """The loopback of one origin: where rungs go, what of them is playable, and how it is cleared away."""

    paths: OriginPaths
    port: int
    secret: bytes

    def target(self, name: str, width: int) -> Target:
        """Where ffmpeg publishes a rung."""
        rung = f"{name}_{width}"
        url = f"rtmp://127.0.0.1:{self.port}/show/{rung}?key={stream_key(self.secret, rung)}"
        # A live stream has no duration to write into its header at the end.
        return Target(url, {"f": "flv", "flvflags": "no_duration_filesize"})

    def peak_bps(self, name: str, width: int) -> float | None:
        """The bits/s of the rung's heaviest segment, all it holds counted, or None before it has one."""
        folder = self._folder(name, width)
        try:
            playlist = parse_media_playlist((folder / "index.m3u8").read_text())
            rates = [(folder / s.uri).stat().st_size * 8 / max(s.duration_s, 0.1) for s in playlist.segments]
        except (OSError, UnicodeDecodeError):
            return None
        return max(rates, default=None)

    def write_playlist(self, name: str, text: str) -> None:
        """Put the multivariant playlist in place, whole."""
        path = self._playlist(name)
        fresh = path.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(path)

    def withdraw_others(self, names: set[str]) -> None:
        """Only these streams are playable, or about to be: viewers of others get a 404 from now on."""
        for path in (self.paths.playlists / "hls").iterdir():
            if path.stem not in names:
                path.unlink(missing_ok=True)

    def clear(self, name: str, before_ms: float) -> None:
        """Remove what an earlier publish of this name left behind: segments that began before `before_ms` (Unix)."""
        for folder in self.paths.hls.glob(f"{name}_*"):
            if any(int(s.stem) < before_ms for s in folder.glob("*.ts") if s.stem.isdecimal()):
                shutil.rmtree(folder, ignore_errors=True)

    def clear_others(self, names: set[str], publishing: Mapping[str, Published]) -> None:
        """Remove the segments of every stream but these, once nobody writes them any more."""
        for folder in self.paths.hls.iterdir():
            match = RUNG_NAME.fullmatch(folder.name)
            if folder.name not in publishing and (match is None or match["name"] not in names):
                shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, name: str, width: int) -> Path:
        return self.paths.hls / f"{name}_{width}"

    def _playlist(self, name: str) -> Path:
        return self.paths.playlists / "hls" / f"{name}.m3u8"


@dataclass(frozen=True, slots=True)
class ShownRung:
    """A rung that is playable: what nginx parsed of it, and the most bits/s it takes, all counted."""

    video: VideoMeta
    has_audio: bool
    peak_bps: int

    @property
    def width(self) -> int:
        """What names it."""
        return self.video.size.width


def multivariant(name: str, rungs: Sequence[ShownRung], frame_rate: Fraction) -> str:
    """The multivariant playlist of these rungs."""
    return live_multivariant(name, [_told(rung, frame_rate) for rung in rungs])


def ceiling_bps(rung: Rung) -> int:
    """The most bits/s that an encoded rung takes on its way to viewers, audio and packets included."""
    return round((rung.bitrate_bps + LIVE_AUDIO_BPS) * OVERHEAD)


def _told(rung: ShownRung, frame_rate: Fraction) -> FeedRung:
    codec = h264_codec(_profile(rung.video), rung.video.level)
    return FeedRung(
        width=rung.width,
        height=rung.video.size.height,
        frame_rate=float(frame_rate),
        codecs=f"{codec},{AAC_LC}" if rung.has_audio else codec,
        bandwidth_bps=rung.peak_bps,
    )


def _profile(video: VideoMeta) -> str:
    """ffprobe's name of the profile: constraint_set1 (0x40) makes Baseline the constrained one."""
    return "Constrained Baseline" if video.profile == "Baseline" and video.compat & 0x40 else video.profile
