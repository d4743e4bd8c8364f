"""A recording that goes on after it was published: what was made of its parts comes back from the published media.

Nothing is encoded again where the asset still shows this recording. Their sound, which was encoded as a whole, is taken
from the parts in the ingest store once more.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

from panocast.errors import NotFoundError
from panocast.fence import copying
from panocast.layout import PartKey, Session
from panocast.store import Store
from panocast.threads import in_thread
from transcoder.encode import aside_argv
from transcoder.event import Done, note_gone
from transcoder.jobs import Ignored, job_for
from transcoder.markers import PartMarker, part_attempt_prefix, part_marker_key, whole_marker_key
from transcoder.part import files_of, read_part_marker
from transcoder.workplace import Workplace

log = logging.getLogger(__name__)


async def restore(place: Workplace, session: Session, done: Done) -> dict[int, PartMarker]:
    """Put back what was made of the parts that are done; gives, by number, those of which the media are gone."""
    gone = {}
    at = Session(session.name, done.asset.rpartition("/")[2])
    for number, marker in sorted(done.made.items()):
        part = PartKey(session, number)
        if await read_part_marker(place, part):
            continue
        try:
            if marker.failed is None:
                await place.copy(_copies(at, part, marker))
                await _put_sound_back(place, part, marker)
        except NotFoundError:
            gone[number] = marker
            continue
        key, data = part_marker_key(session, number), marker.model_dump_json().encode()
        await in_thread(partial(place.egress.put_bytes, key, data, if_absent=True))
    return gone


async def transcode_again(place: Workplace, session: Session, gone: Mapping[int, PartMarker]) -> None:
    """Ask for parts once more of which nothing is left; the last of them that is made asks for the finish."""
    for number in gone:
        log.info("%s part %d: what was made of it is gone: it is transcoded again", session.path, number)
        job = job_for(session.part_key(number))
        assert not isinstance(job, Ignored)
        await in_thread(place.queue.send, job.body())
    # Not before: whoever is killed between the two asks twice rather than never.
    await in_thread(note_gone, place.egress, session, gone)


def forget(egress: Store, session: Session, edition: str, made: Mapping[int, PartMarker]) -> None:
    """Remove the markers, of parts that can be put back and of the whole, that name what is gone: who cleared up was
    stopped in the middle, or did it while this was made. Blocks."""
    egress.delete(whole_marker_key(session, edition))
    there = {stat.key for stat in egress.list(session.work_prefix)}
    for number, marker in made.items():
        prefix = part_attempt_prefix(session, number, marker.attempt)
        if not there.issuperset(prefix + name for name in files_of(marker.rungs, aside=marker.sound)):
            egress.delete(part_marker_key(session, number))


def _copies(at: Session, part: PartKey, marker: PartMarker) -> list[tuple[str, str]]:
    """Published media (source) to where they came from (target)."""
    published = f"{at.vod_prefix}{part.session.id}/"
    prefix = part_attempt_prefix(part.session, part.number, marker.attempt)
    pairs = []
    for rung in marker.rungs:
        folder = f"{prefix}{rung.folder}/"
        pairs.append((f"{published}{rung.width}/init-{rung.init_digest}.mp4", f"{folder}init.mp4"))
        for segment in rung.segments:
            pairs.append((f"{published}{rung.width}/{part.number:04d}-{segment.name}", folder + segment.name))
    return pairs


async def _put_sound_back(place: Workplace, part: PartKey, marker: PartMarker) -> None:
    if marker.sound is None:
        return
    async with place.folder("sound") as folder:
        await in_thread(place.ingest.get_file, part.session.part_key(part.number), folder / "part.mp4")
        argv = aside_argv("part.mp4", max_pixels=place.settings.max_pixels)
        limits = copying((folder / "part.mp4").stat().st_size)
        await place.ffmpeg(argv, cwd=folder, what=f"sound of part {part.number}", limits=limits)
        prefix = part_attempt_prefix(part.session, part.number, marker.attempt)
        await place.store_files(folder, ["audio.mov"], prefix)
