"""The sound of a session: fetched, brought to one form where it changes on the way, and encoded in one piece."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from panocast.errors import NotFoundError, RefusedError
from panocast.hls import AAC_LC
from panocast.layout import Session
from panocast.probe import probe
from panocast.threads import in_thread
from transcoder.cut import SOUND, SOUND_ORIGIN_S
from transcoder.encode import Span
from transcoder.markers import PartMarker, Rendition, Sound, part_attempt_prefix
from transcoder.part import digest, read_rendition
from transcoder.sound import audio_argv, concat_script, mix_of, one_form_argv, runs_of
from transcoder.workplace import Workplace, each

log = logging.getLogger(__name__)


async def make_sound(
    place: Workplace,
    session: Session,
    good: Mapping[int, PartMarker],
    patches: Sequence[tuple[Path, Sound]],
    span: Span,
    folder: Path,
) -> tuple[Rendition | None, int]:
    """One encode of all the sound, from the first picture to the last; None where there is none."""
    sounds = await _uncut_sound(place, session, folder) or await _sounds_of_parts(place, session, good, folder)
    sounds = sorted([*sounds, *patches], key=lambda sound: sound[1].start_s)
    channels = min(2, max((sound.channels for _, sound in sounds), default=0))
    if len(runs := runs_of(sounds)) > 1:
        sounds = await _in_one_form(place, session, runs, span.end_s, channels, folder)
    if not sounds:
        return None, 0
    (folder / "audio.ffconcat").write_text(_script(sounds))
    (folder / "audio").mkdir()
    _, first = sounds[0]
    mix = mix_of(first.channels, first.layout, channels)
    segment_s = place.settings.segment_s
    argv = audio_argv("audio.ffconcat", first.start_s, span, channels, segment_s=segment_s, mix=mix)
    await place.ffmpeg(argv, cwd=folder, what=f"{session.path} audio")
    init, segments = read_rendition(folder / "audio")
    if not segments:
        log.warning("%s: nothing of its sound can be decoded", session.path)
        return None, 0
    rendition = Rendition(
        folder="audio", init_digest=digest(init), init_size=len(init), codecs=AAC_LC, segments=segments
    )
    return rendition, channels


async def _in_one_form(
    place: Workplace,
    session: Session,
    runs: Sequence[Sequence[tuple[Path, Sound]]],
    end_s: float,
    channels: int,
    folder: Path,
) -> list[tuple[Path, Sound]]:
    """Runs of sound that differ (an encoder came back with other settings), decoded, each as long as until the next."""
    starts_s = [run[0][1].start_s for run in runs]
    found = []
    for number, (run, span) in enumerate(zip(runs, map(Span, starts_s, [*starts_s[1:], end_s]), strict=True)):
        if span.duration_s <= 0:
            continue
        _, sound = run[0]
        log.info("%s: its sound from %.1f s on is %s", session.path, span.start_s, sound.form)
        script, made = f"run-{number:04d}.ffconcat", folder / f"run-{number:04d}.mp4"
        (folder / script).write_text(_script(run))
        mix = mix_of(sound.channels, sound.layout, channels)
        argv = one_form_argv(script, made.name, sound.start_s, span, channels, mix=mix)
        await place.ffmpeg(argv, cwd=folder, what=f"{session.path} audio from {span.start_s:.1f} s on")
        found.append((made, Sound(start_s=span.start_s, channels=channels)))
    return found


def _script(sounds: Sequence[tuple[Path, Sound]]) -> str:
    return concat_script([(path.name, sound.start_s) for path, sound in sounds])


async def _uncut_sound(place: Workplace, session: Session, folder: Path) -> list[tuple[Path, Sound]]:
    """The sound of an upload, which was put aside whole."""
    path = folder / SOUND
    if found := await in_thread(place.ingest.stat, session.sound_key):
        await place.check_room(session.sound_key, scratch=found.size)
    try:
        await in_thread(place.ingest.get_file, session.sound_key, path)
        audio = (await probe(path, max_pixels=place.settings.max_pixels, fence=place.settings.fence)).audio
    except NotFoundError:
        return []
    except RefusedError as error:
        log.warning("%s: its sound cannot be read: %s", session.path, error)
        return []
    if audio is None:
        return []
    return [(path, Sound.of(audio, audio.start_s - SOUND_ORIGIN_S))]


async def _sounds_of_parts(
    place: Workplace, session: Session, good: Mapping[int, PartMarker], folder: Path
) -> list[tuple[Path, Sound]]:
    """What the parts of a recording have put aside of their sound, in order."""
    sounds = [(folder / f"{n:04d}.mov", n, part, part.sound) for n, part in sorted(good.items()) if part.sound]
    files = [(f"{part_attempt_prefix(session, n, part.attempt)}audio.mov", path) for path, n, part, _ in sounds]
    await each(files, lambda file: place.egress.get_file(*file))
    return [(path, sound) for path, _, _, sound in sounds]
