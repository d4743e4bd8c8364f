"""Stretches of a partner's recording, encoded like the parts of the one that they complete."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from panocast.fence import copying
from panocast.ladder import Rung
from panocast.layout import Session
from panocast.probe import MediaInfo, probe
from panocast.threads import in_thread
from transcoder.encode import patch_argv, patch_sound_argv
from transcoder.limits import encoding, refuse_absurd
from transcoder.markers import Filler, Sound
from transcoder.part import read_rungs
from transcoder.partner import Patch, Score
from transcoder.workplace import Workplace

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Completion:
    """The recording that completes another, and how."""

    partner: Session
    score: Score


@dataclass(frozen=True, slots=True)
class Made:
    """A patch's pictures, and its sound in the file `audio`."""

    filler: Filler
    audio: Path
    sound: Sound | None


async def make_patches(
    place: Workplace, completion: Completion, rungs: Sequence[Rung], rate: Fraction, folder: Path
) -> list[Made]:
    """Encode every patch into a folder of its own below `folder`; raises NotFoundError when a part is gone."""
    found = []
    for number, patch in enumerate(completion.score.patches):
        log.warning(
            "%.1f s of %s in place of what is missing before part %d",
            patch.span.duration_s,
            completion.partner.path,
            patch.before,
        )
        found.append(await _make(place, completion.partner, patch, rungs, rate, folder / f"patch-{number:04d}"))
    return found


async def _make(
    place: Workplace, partner: Session, patch: Patch, rungs: Sequence[Rung], rate: Fraction, folder: Path
) -> Made:
    await in_thread(_make_folders, folder, rungs)
    source = folder / "part.mp4"
    await in_thread(place.ingest.get_file, partner.part_key(patch.source), source)
    info = await probe(source, max_pixels=place.settings.max_pixels, fence=place.settings.fence)
    refuse_absurd(info, place.settings)
    argv = patch_argv(
        source.name,
        patch.span,
        patch.start_s,
        rate,
        rungs,
        place.quality,
        segment_s=place.settings.segment_s,
        max_pixels=place.settings.max_pixels,
        colour=info.require_video().colour,
    )
    limits = encoding(info, rungs, size_bytes=source.stat().st_size, threads=place.quality.threads)
    frames = await place.ffmpeg(argv, cwd=folder, what=folder.name, limits=limits)
    sound = await _sound(place, patch, info, source)
    source.unlink()
    made, start_s = await in_thread(read_rungs, folder, rungs)
    filler = Filler(
        before=patch.before,
        start_s=start_s,
        end_s=start_s + sum(segment.duration_s for segment in made[0].segments),
        rungs=tuple(rung.model_copy(update={"folder": f"{folder.name}/{rung.folder}"}) for rung in made),
        frames=frames,
    )
    # The concat script names files of its own folder only.
    audio = folder.with_name(f"{folder.name}.mov")
    if sound:
        (folder / "audio.mov").replace(audio)
    return Made(filler, audio, sound)


def _make_folders(folder: Path, rungs: Sequence[Rung]) -> None:
    for rung in rungs:
        (folder / rung.name).mkdir(parents=True)


async def _sound(place: Workplace, patch: Patch, info: MediaInfo, source: Path) -> Sound | None:
    if info.audio is None:
        return None
    argv = patch_sound_argv(source.name, patch.span, patch.start_s, max_pixels=place.settings.max_pixels)
    await place.ffmpeg(argv, cwd=source.parent, what="sound", limits=copying((await in_thread(source.stat)).st_size))
    path = source.with_name("audio.mov")
    cut = (await probe(path, max_pixels=place.settings.max_pixels, fence=place.settings.fence)).audio
    return Sound.of(cut, cut.start_s) if cut else None
