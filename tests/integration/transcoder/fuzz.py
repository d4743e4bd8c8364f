"""Guarantee 18: media that was truncated, flipped, spliced; what a worker makes of each, and that it is whole."""

from __future__ import annotations

import random
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from panocast.layout import Session, upload_session
from tests.integration.transcoder.site import Site, ffmpeg

# Small and fast: what is looked for is in the containers and the streams, not in the pictures.
QUICK = {"preset": "ultrafast", "tries": 2, "part_s": 2.0, "concurrency": 2}
Mutation = Callable[[random.Random, bytes, bytes], bytes]


def make_sources(folder: Path) -> dict[str, bytes]:
    """A second and a half of every container that panocast takes, by its suffix."""
    pictures = ("-f", "lavfi", "-i", "testsrc2=size=128x64:rate=20:duration=1.5")
    tone = ("-f", "lavfi", "-i", "sine=duration=1.5:sample_rate=44100")
    video = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "10", "-pix_fmt", "yuv420p")
    found = {}
    for suffix in ("mp4", "mkv", "ts", "flv"):
        path = folder / f"source.{suffix}"
        ffmpeg(*pictures, *tone, *video, "-c:a", "aac", path)
        found[suffix] = path.read_bytes()
    return found


def _truncate(dice: random.Random, data: bytes, _: bytes) -> bytes:
    return data[: dice.randrange(1, len(data))]


def _flip(dice: random.Random, data: bytes, _: bytes) -> bytes:
    changed = bytearray(data)
    for _index in range(dice.choice((1, 1, 5, 50))):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _flip_an_end(dice: random.Random, data: bytes, _: bytes) -> bytes:
    """Most of what a container says of itself stands at one of its ends."""
    changed = bytearray(data)
    for _index in range(dice.choice((1, 3, 10))):
        at = dice.randrange(min(2048, len(data)))
        changed[at if dice.random() < 0.5 else -1 - at] = dice.randrange(256)
    return bytes(changed)


def _huge_number(dice: random.Random, data: bytes, _: bytes) -> bytes:
    at = dice.randrange(len(data) - 4)
    if dice.random() < 0.7:
        at = at % 1500 if dice.random() < 0.5 else len(data) - 4 - at % 1500
    return (
        data[:at] + dice.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0")) + data[at + 4 :]
    )


def _cut_out(dice: random.Random, data: bytes, _: bytes) -> bytes:
    begin = dice.randrange(len(data))
    return data[:begin] + data[begin + dice.randrange(1, 4000) :]


def _repeat(dice: random.Random, data: bytes, _: bytes) -> bytes:
    begin = dice.randrange(len(data))
    return data[: begin + dice.randrange(1, 4000)] + data[begin:]


def _splice(dice: random.Random, data: bytes, other: bytes) -> bytes:
    at, begin = dice.randrange(len(data)), dice.randrange(len(other))
    strange = other[begin : begin + dice.randrange(1, 4000)]
    return data[:at] + strange + data[at + len(strange) :]


MUTATIONS: tuple[Mutation, ...] = (_truncate, _flip, _flip_an_end, _huge_number, _cut_out, _repeat, _splice)


def mutants(sources: Mapping[str, bytes], seed: int, number: int) -> Iterator[tuple[str, bytes]]:
    """`number` damaged files with names that tell what was done to which: the same for the same seed, every container
    and mutation in turn."""
    dice = random.Random(seed)
    suffixes = sorted(sources)
    for index in range(number):
        suffix, mutation = suffixes[index % len(suffixes)], MUTATIONS[index // len(suffixes) % len(MUTATIONS)]
        data = mutation(dice, sources[suffix], sources[dice.choice(suffixes)])
        yield f"{seed}-{index}{mutation.__name__.replace('_', '-')}.{suffix}", data


@dataclass(slots=True)
class Report:
    """How many ended how: `refused` by reason, `given_up` after a second try by reason; `wrong` is what should never
    be."""

    done: int = 0
    wrong: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    given_up: Counter[str] = field(default_factory=Counter)

    def add(self, other: Report) -> None:
        """Count another report's, too."""
        self.done += other.done
        self.wrong += other.wrong
        self.refused += other.refused
        self.given_up += other.given_up


async def try_all(site: Site, files: Sequence[tuple[str, bytes]]) -> Report:
    """Upload damaged files, let a worker do all there is to do, and check what became of each: whether it is either
    refused in words, or published and whole."""
    keys = [site.upload(name, data) for name, data in files]
    await site.work(within_s=600, **QUICK)
    site.announce_parts()
    await site.work(within_s=600, **QUICK)
    report = Report()
    for key in keys:
        stat = site.ingest.stat(key)
        assert stat is not None
        _judge(site, key, upload_session(key, stat.etag, stat.modified), report)
    return report


def _judge(site: Site, key: str, session: Session, report: Report) -> None:
    if f"{session.vod_prefix}master.m3u8" in site.masters():
        try:
            site.check_published(session, holes=True)
        except Exception:
            report.wrong.append(f"{key} was published, but not whole: {traceback.format_exc(limit=-2)}")
        report.done += 1
        return
    failed = site.keys("failed/")
    found = next((k for k in (key, session.end_key) if f"failed/{k}.json" in failed), None)
    if found is None:
        report.wrong.append(f"{key} is neither published nor refused")
        return
    said = site.failed(found)
    (report.refused if said["tries"] == 1 else report.given_up)[_kind(said["reason"])] += 1


def _kind(reason: str) -> str:
    """A reason without what is different in each."""
    return re.sub(r"\S*-upload\b|\d+", "…", reason)
