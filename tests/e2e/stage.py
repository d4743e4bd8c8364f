"""A live event to be disturbed: the platform, an encoder that publishes to both origins, and an edge of its own that
reaches them over links that can be cut."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from infra.local.demo import publish_command
from panocast.feed import Feed
from panocast.ladder import Size
from panocast.process import Child, Command
from panocast.testcard import Card
from tests.e2e.platform import Platform, platform
from tests.integration.edge.running import Edge, running_edge
from tests.link import Link, link_to
from tests.processes import live_ffmpegs
from tests.waiting import eventually

NAME = "cam"
CARD = Card(size=Size(960, 480), fps=25, gop_s=1.0, bitrate_bps=900_000)
SETTINGS = {"ORIGIN__PART_S": "10"}


@dataclass
class OriginAt:
    """One origin of the stage: how the edge reaches it, and what of it can be hurt."""

    role: str
    port: int
    link: Link
    up: Platform

    def pid(self, part: str) -> int:
        """The process id of its `nginx` or its `agent`."""
        return self.up.children()[f"{self.role} origin {part}"]

    def pids(self, part: str) -> list[int]:
        """The process ids of `nginx`, `agent`, `ladder`, `ffmpegs` (the ladder and the passthrough), or of `all`."""
        ffmpegs = live_ffmpegs(self.pid("agent"))
        assert len(ffmpegs) == 2, f"of its ffmpegs only {ffmpegs} run"
        match part:
            case "ladder":
                return [ffmpegs["ladder"]]
            case "ffmpegs":
                return list(ffmpegs.values())
            case "all":
                return [*ffmpegs.values(), self.pid("nginx"), self.pid("agent")]
            case _:
                return [self.pid(part)]

    def send(self, part: str, number: signal.Signals) -> None:
        """Send a signal to these."""
        for pid in self.pids(part):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    async def feed(self) -> Feed | None:
        """What it tells of the stream, past its link; None while it tells nothing."""
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self.up.http.get(f"http://127.0.0.1:{self.port}/feed/{NAME}") as response:
                return Feed.model_validate_json(await response.read()) if response.status == 200 else None
        return None


@dataclass
class Stage:
    """The event as it runs."""

    up: Platform
    edge: Edge
    origins: tuple[OriginAt, OriginAt]
    encoder: Encoder

    async def in_use(self) -> OriginAt:
        """The origin that the edge shows its viewers."""

        async def role() -> str:
            status, body, _ = await self.edge.get("/live.json")
            return (
                next((str(s["origin"]) for s in json.loads(body)["live"] if s["name"] == NAME), "")
                if status == 200
                else ""
            )

        used = await eventually(role)
        return next(origin for origin in self.origins if origin.role == used)

    async def both_well(self, rungs: int, within_s: float = 120.0) -> None:
        """Wait until both origins have the same newest segments with every rung."""

        async def well() -> bool:
            feeds = [await origin.feed() for origin in self.origins]
            whole = [
                {s.name for s in feed.segments[-4:] if len(s.rungs) >= rungs} if feed else set[str]() for feed in feeds
            ]
            return len(whole[0] & whole[1]) >= 2

        await eventually(well, within_s=within_s, every_s=0.3)


class Encoder:
    """Publishes the same bytes to several URLs until it is stopped; where one is away it goes on with the others, and
    comes back to it with the next keyframe. `frames` is how many it has made."""

    def __init__(self, urls: Sequence[str], card: Card) -> None:
        self.frames = 0
        words = publish_command(urls[0], card).argv
        fifo = "queue_size=1000:drop_pkts_on_overflow=1:restart_with_keyframe=1"
        fifo += ":attempt_recovery=1:recover_any_error=1:recovery_wait_time=0.5"
        argv = [
            *words[: words.index("-flvflags") - 2],
            *("-progress", "pipe:1", "-flags", "+global_header"),
            *("-f", "tee", "-use_fifo", "1", "-fifo_options", fifo),
            "|".join(f"[f=flv:onfail=ignore:flvflags=no_duration_filesize]{url}" for url in urls),
        ]
        self._child = Child(Command("encoder", argv), on_stdout=self._note)

    def _note(self, line: str) -> None:
        if line.startswith("frame="):
            self.frames = int(line.removeprefix("frame="))

    async def start(self) -> None:
        """Begin to publish."""
        await self._child.start()

    async def stop(self) -> None:
        """Publish what is made, and end."""
        await self._child.stop(grace_s=10)


@asynccontextmanager
async def stage(state: Path, *, back_s: float = 5.0, argv: Sequence[str] | None = None) -> AsyncIterator[Stage]:
    """The event `cam`, running on both origins and playable at the edge."""
    async with AsyncExitStack() as stack:
        (state / "far-edge").mkdir(parents=True)
        up = await stack.enter_async_context(platform(state, settings=SETTINGS, argv=argv))
        origins = []
        for role in ("primary", "backup"):
            port = _setting(up.children()[f"{role} origin agent"], "PANOCAST_ORIGIN__HTTP_PORT")
            link = await stack.enter_async_context(link_to(port))
            origins.append(OriginAt(role, port, link, up))
        primary, backup = origins
        edge = await stack.enter_async_context(
            running_edge(
                state / "far-edge",
                apart=True,
                edge={"primary": primary.link.url, "backup": backup.link.url, "back_s": back_s},
            )
        )
        urls = [up.publish_url(NAME), up.publish_url(NAME, backup=True)]
        encoder = Encoder(urls, CARD)
        await encoder.start()
        stack.push_async_callback(encoder.stop)

        async def playable() -> bool:
            return (await edge.get(f"/hls/{NAME}.m3u8"))[0] == 200

        await eventually(playable)
        yield Stage(up, edge, (primary, backup), encoder)


def _setting(pid: int, name: str) -> int:
    """A number in the environment of a process."""
    variables = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return int(next(line.partition("=")[2] for line in variables if line.startswith(f"{name}=")))
