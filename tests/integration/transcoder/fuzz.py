"""Guarantee 18: media that was truncated, flipped, spliced; what a worker makes of each, and that it is whole."""

from __future__ import annotations

import asyncio
import random
import re
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from panocast.errors import RefusedError
from panocast.layout import upload_session
from panocast.probe import probe
from panocast.settings import TranscoderSettings
from tests.integration.transcoder.site import Site, ffmpeg

# Small and fast: what is looked for is in the containers and the streams, not in the pictures.
QUICK = {"preset": "ultrafast", "tries": 2, "part_s": 2.0, "concurrency": 2}
T = TypeVar("T")
SMALLEST = 64
Mutation = Callable[[random.Random, bytes, bytes], bytes]


H264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "10", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac")
FRAGMENTED = ("-movflags", "frag_keyframe+empty_moov")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "10", "-c:a", "libopus", "-ac", "2")
SOURCES: Mapping[str, Sequence[str]] = {
    "mp4": (*H264, *AAC),
    "mkv": (*H264, "-c:a", "pcm_s16le", "-ar", "8000"),
    "ts": (*H264, *AAC),
    "flv": (*H264, *AAC),
    "mov": (*H264, *AAC, *FRAGMENTED),
    "webm": VP9,
}


def make_sources(folder: Path) -> dict[str, bytes]:
    """A second and a half of every container that panocast takes, by its suffix; the same bytes each time."""
    pictures = ("-f", "lavfi", "-i", "testsrc2=size=128x64:rate=20:duration=1.5")
    tone = ("-f", "lavfi", "-i", "sine=duration=1.5:sample_rate=44100")
    found = {}
    for suffix, codecs in SOURCES.items():
        path = folder / f"source.{suffix}"
        ffmpeg(*pictures, *tone, *codecs, "-flags", "+bitexact", "-fflags", "+bitexact", path)
        found[suffix] = path.read_bytes()
    return found


def _truncate(dice: random.Random, data: bytes, _: bytes) -> bytes:
    return data[: dice.randrange(1, len(data))]


def _flip(dice: random.Random, data: bytes, _: bytes) -> bytes:
    changed = bytearray(data)
    for _index in range(dice.choice((1, 5, 50, 500))):
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
EVERY_PAIR = len(SOURCES) * len(MUTATIONS)  # these have no common divisor


def mutants(sources: Mapping[str, bytes], seed: int, number: int) -> Iterator[tuple[str, bytes]]:
    """`number` damaged files with names that tell what was done first to which: the same for the same seed, and among
    any `EVERY_PAIR` each container with each mutation; to some, more is done."""
    dice = random.Random(seed)
    suffixes = sorted(sources)
    for index in range(number):
        suffix = suffixes[index % len(suffixes)]
        mutation = MUTATIONS[index % len(MUTATIONS)]
        data = sources[suffix]
        for mutate in (mutation, *dice.sample(MUTATIONS, dice.choice((0, 0, 1, 2)))):
            if len(data) > SMALLEST:
                data = mutate(dice, data, sources[dice.choice(suffixes)])
        yield f"{seed}-{index}{mutation.__name__.replace('_', '-')}.{suffix}", data


@dataclass(slots=True)
class Report:
    """How many ended how: `refused` by reason, `given_up` after a second try by reason; of those only looked at, how
    many were `taken` and how many `not_taken`, by reason; `wrong` is what should never be."""

    done: int = 0
    taken: int = 0
    wrong: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    given_up: Counter[str] = field(default_factory=Counter)
    not_taken: Counter[str] = field(default_factory=Counter)

    @property
    def tried(self) -> int:
        """How many went all the way."""
        return self.done + self.refused.total() + self.given_up.total()

    @property
    def looked(self) -> int:
        """How many were only looked at."""
        return self.taken + self.not_taken.total()

    def add(self, other: Report) -> None:
        """Count another report's, too."""
        self.done += other.done
        self.taken += other.taken
        self.not_taken += other.not_taken
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
    return await _in_turn(keys, lambda key: asyncio.to_thread(_judge, site, key))


async def look_at_all(folder: Path, files: Sequence[tuple[str, bytes]]) -> Report:
    """Only look at damaged files, as a worker does before all else: each is either described or refused in words."""

    async def look(file: tuple[str, bytes]) -> Report:
        name, data = file
        path = folder / name
        path.write_bytes(data)
        try:
            await probe(path, max_pixels=TranscoderSettings().max_pixels)
        except RefusedError as error:
            return Report(not_taken=Counter([_kind(str(error))]))
        except Exception:
            return Report(wrong=[f"{name} was neither described nor refused: {traceback.format_exc(limit=-3)}"])
        finally:
            path.unlink()
        return Report(taken=1)

    return await _in_turn(files, look)


async def _in_turn(items: Sequence[T], judge: Callable[[T], Awaitable[Report]]) -> Report:
    """One report of all, two looked at side by side."""
    slots, total = asyncio.Semaphore(2), Report()

    async def one(item: T) -> None:
        async with slots:
            total.add(await judge(item))

    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(one(item))
    return total


def _judge(site: Site, key: str) -> Report:
    stat = site.ingest.stat(key)
    assert stat is not None
    session = upload_session(key, stat.etag, stat.modified)
    if f"{session.vod_prefix}master.m3u8" in site.masters():
        try:
            site.check_published(session, holes=True)
        except Exception:
            return Report(done=1, wrong=[f"{key} was published, but not whole: {traceback.format_exc(limit=-2)}"])
        return Report(done=1)
    failed = site.keys("failed/")
    found = next((k for k in (key, session.end_key) if f"failed/{k}.json" in failed), None)
    if found is None:
        return Report(wrong=[f"{key} is neither published nor refused"])
    said = site.failed(found)
    reason = Counter([_kind(said["reason"])])
    return Report(refused=reason) if said["tries"] == 1 else Report(given_up=reason)


def _kind(reason: str) -> str:
    """A reason without what is different in each."""
    return re.sub(r"\S*-upload\b|\d+", "…", reason)
