"""The first packager: ffmpeg publishes each rung to the loopback application `show`, where nginx-rtmp cuts HLS.

Everything that knows of `show` and of nginx's HLS folders stands here, so that another packager can take its place.
"""

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
from panocast.hls import AAC_LC, Variant, h264_codec, multivariant_playlist, parse_media_playlist
from panocast.keys import stream_key
from panocast.ladder import LIVE_AUDIO_BPS, Rung

# What MPEG-TS and RTMP's uneven bursts put on top of a ceiling that holds over a second.
OVERHEAD = 1.15
# A start that most connections carry and that looks like something on a sphere.
START_WIDTH = 1920


@dataclass(frozen=True, slots=True)
class Show:
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
        """Remove what an earlier stream of this name left behind: segments that began before `before_ms` (Unix)."""
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
    """The multivariant playlist of these rungs: the one to start with first, then the others, largest first."""
    start = start_width([rung.width for rung in rungs])
    ordered = sorted(rungs, key=lambda rung: (rung.width != start, -rung.width))
    return multivariant_playlist([_variant(name, rung, frame_rate) for rung in ordered])


def start_width(widths: Sequence[int]) -> int:
    """The largest rung that is no wider than 1920, or the smallest there is."""
    return max((width for width in widths if width <= START_WIDTH), default=min(widths))


def ceiling_bps(rung: Rung) -> int:
    """The most bits/s that an encoded rung takes on its way to viewers, audio and packets included."""
    return round((rung.bitrate_bps + LIVE_AUDIO_BPS) * OVERHEAD)


def _variant(name: str, rung: ShownRung, frame_rate: Fraction) -> Variant:
    codec = h264_codec(_profile(rung.video), rung.video.level)
    return Variant(
        uri=f"{name}_{rung.width}/index.m3u8",
        bandwidth_bps=rung.peak_bps,
        size=rung.video.size,
        codecs=f"{codec},{AAC_LC}" if rung.has_audio else codec,
        frame_rate=frame_rate,
    )


def _profile(video: VideoMeta) -> str:
    """ffprobe's name of the profile: constraint_set1 (0x40) makes Baseline the constrained one."""
    return "Constrained Baseline" if video.profile == "Baseline" and video.compat & 0x40 else video.profile
