"""The ways to make a ladder: ours, and the reference's. Both as command lines to run in a folder of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from panocast.ladder import Rung
from panocast.probe import Colour
from panocast.process import Command, run
from tests.bench.cost import Job
from tests.bench.material import FPS
from transcoder.encode import FRAGMENTS, Quality, Span, part_argv

SEGMENT_S = 2.0


def our_job(source: Path, span: Span, rungs: Sequence[Rung], quality: Quality, folder: Path) -> Job:
    """Our way: one decode, a cascade of scalers, fragments written as they are encoded."""
    for rung in rungs:
        (folder / rung.name).mkdir(parents=True, exist_ok=True)
    argv = part_argv(
        str(source),
        span,
        Fraction(FPS),
        rungs,
        quality,
        segment_s=SEGMENT_S,
        max_pixels=1 << 26,
        colour=Colour(matrix="bt709"),
        audio=False,
    )
    return Job(argv, folder)


@dataclass(frozen=True, slots=True)
class Reference:
    """What the reference asks of x264: one preset for its two largest rungs, one for the others."""

    name: str
    large: str
    small: str

    @property
    def folder(self) -> str:
        """What its files are kept in."""
        return f"reference-{self.large}"

    def options(self, rung: Rung) -> list[str]:
        """Preset and profile for a rung, the profiles as both of its scripts have them."""
        width = rung.size.width
        profile = "high" if width >= 3840 else "main" if width >= 1920 else "baseline"
        return ["-preset", self.large if width >= 2560 else self.small, "-profile:v", profile]


# As the script of its workshop runs (x264's default preset), and as the script of its worker means to run: that one
# writes `--preset`, which ffmpeg refuses.
REFERENCES = (Reference("medium", "medium", "medium"), Reference("veryfast/superfast", "superfast", "veryfast"))


def reference_jobs(
    source: Path, rungs: Sequence[Rung], rates_bps: Mapping[str, float], reference: Reference, folder: Path
) -> list[Job]:
    """The reference's way: one ffmpeg that scales each output from the source, a keyframe each second, at an average
    bitrate; then a remux to HLS for each."""
    folder.mkdir(exist_ok=True)
    quiet = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y"]
    encode, remux = [*quiet, "-i", str(source)], []
    for rung in rungs:
        encode += ["-map", "0:v", "-vf", f"scale={rung.size.width}:{rung.size.height}", "-c:v", "libx264"]
        encode += [*reference.options(rung), "-b:v", f"{rates_bps[rung.name]:.0f}", "-pix_fmt", "yuv420p"]
        encode += ["-g", str(FPS), "-keyint_min", str(FPS), "-sc_threshold", "0", f"{rung.name}.mp4"]
        segments = ["-f", "segment", "-segment_time", "10", "-segment_list", f"{rung.name}.m3u8"]
        remux.append([*quiet, "-i", f"{rung.name}.mp4", "-c", "copy", *segments, f"{rung.name}-%05d.ts"])
    return [Job(argv, folder) for argv in (encode, *remux)]


async def cut(source: Path, part_s: float, folder: Path) -> list[Path]:
    """The source's parts, cut at keyframes and with their places on the clock, as a recording's are."""
    argv = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(source), "-c", "copy", "-copyts", "-f", "segment"]
    argv += ["-segment_time", str(part_s), "-avoid_negative_ts", "disabled", "cut%04d.mp4"]
    await run(Command("cut", argv, cwd=folder))
    return _found(folder, "cut*.mp4")


def _found(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def our_file(folder: Path, rung: Rung) -> Path:
    """The file that our way wrote for a rung."""
    return folder / rung.name / FRAGMENTS


def joined(folders: Sequence[Path], rung: Rung, at: Path) -> Path:
    """A rung's parts in one file `at`: fragments carry the clock, so they follow one another as they are."""
    with at.open("wb") as file:
        for folder in folders:
            file.write(our_file(folder, rung).read_bytes())
    return at


def media_bps(folder: Path, rung: Rung, seconds: float) -> float:
    """The bits per second of a rung of ours, headers included."""
    return our_file(folder, rung).stat().st_size * 8 / seconds
