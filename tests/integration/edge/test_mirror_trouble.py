"""What happens to an origin, to the agent or to the disk, and viewers do not notice."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.metrics import EdgeMetrics
from edge.mirrors import Mirrors
from edge.origins import Origins
from edge.shelf import Shelf
from tests.integration.edge.fake_origin import FakeOrigin, Program
from tests.integration.edge.mirroring import MASTER, RUNG, figures, listed, mirroring, on_air, several, until_playable
from tests.integration.edge.poller import Poller
from tests.integration.edge.running import running_edge
from tests.standstill import standstill
from tests.waiting import eventually

pytestmark = pytest.mark.slow


async def _dies(primary: FakeOrigin) -> None:
    await primary.die()


async def _freezes(primary: FakeOrigin) -> None:
    primary.freeze()


async def _sends_cut_off_files(primary: FakeOrigin) -> None:
    primary.short = True


async def _loses_a_rung(primary: FakeOrigin) -> None:
    primary.widths = (640,)


async def _is_slow(primary: FakeOrigin) -> None:
    primary.bytes_per_s = 2000


@pytest.mark.parametrize("fault", [_dies, _freezes, _loses_a_rung, _sends_cut_off_files, _is_slow])
async def test_viewers_do_not_notice_what_happens_to_the_primary(fault: object, tmp_path: Path) -> None:
    program = Program()
    async with mirroring(tmp_path, back_s=600) as (edge, primary, backup), on_air(program, primary, backup):
        await eventually(lambda: listed(edge))
        await until_playable(edge)
        async with standstill() as stood, Poller(edge.session, edge.url + MASTER) as poller:
            await eventually(lambda: poller.refreshes > 3)
            await fault(primary)  # type: ignore[operator]
            at = program.number
            await eventually(lambda: poller.newest is not None and poller.newest > at + 4)

            async def switched() -> bool:
                return (await listed(edge))["origin"] == "backup"

            await eventually(switched)
        assert poller.errors == []
        assert poller.longest_wait_s - stood.seconds < 2.0, "viewers waited"
        assert poller.discontinuities == 0
        told = await listed(edge)
        assert told["mirrored"]
        assert "primary" in told["why"]
        # An agent that was not there itself, to hear an origin, may have taken that for its silence.
        assert (await figures(edge))['panocast_edge_switches_total{stream="cam"}'] == 1 or stood.seconds > 0.25


async def test_a_new_file_that_is_late_comes_from_the_other_origin_before_the_primary_is_left(tmp_path: Path) -> None:
    """For a segment of 8 s the edge has 4 s of patience with an origin; after 2 s it asks the other one, too."""
    program = Program(duration_ms=8_000)
    async with mirroring(tmp_path) as (edge, primary, backup), standstill() as stood:
        several(program, primary, backup, count=2)
        await eventually(lambda: listed(edge))
        await until_playable(edge)
        assert _fetched(backup) == []
        primary.bytes_per_s = primary.size / 8
        name = several(program, primary, backup, count=1)

        async def shows() -> bool:
            playlist = await edge.playlist(RUNG)
            return playlist is not None and playlist.segments[-1].uri == name

        await eventually(shows, every_s=0.02)
        told = await listed(edge)
        if stood.seconds < 0.5:
            assert told["origin"] == "primary", "viewers waited until it was given up"
            assert len(primary.sending) == len(_fetched(backup)) == 2

        async def switched() -> bool:
            return (await listed(edge))["origin"] == "backup"

        await eventually(switched)


async def test_a_primary_that_is_well_again_serves_again_without_a_seam(tmp_path: Path) -> None:
    async with mirroring(tmp_path, back_s=1.0) as (edge, primary, backup), on_air(Program(), primary, backup):
        await eventually(lambda: listed(edge))
        await until_playable(edge)
        async with Poller(edge.session, edge.url + MASTER) as poller:
            for role in ("backup", "primary"):
                if role == "backup":
                    await primary.die()
                else:
                    await primary.start()

                async def serves(role: str = role) -> bool:
                    return (await listed(edge))["origin"] == role

                await eventually(serves)
        assert poller.errors == []
        assert poller.discontinuities == 0


async def test_another_timeline_is_one_seam_and_never_a_step_backwards(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, backup):
        other = Program(timeline="bbbbbbbb", number=5000)
        async with on_air(Program(), primary), on_air(other, backup):
            await eventually(lambda: listed(edge))
            await until_playable(edge)
            async with Poller(edge.session, edge.url + MASTER) as poller:
                await eventually(lambda: poller.refreshes > 3)
                await primary.die()
                await eventually(lambda: poller.newest is not None and poller.newest > 5000)
            assert poller.errors == []
            assert poller.discontinuities == 1


async def test_an_agent_that_starts_again_goes_on_where_the_other_stopped(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, backup), on_air(Program(), primary, backup):
        await eventually(lambda: listed(edge))
        await until_playable(edge)
        async with Poller(edge.session, edge.url + MASTER) as poller:
            await eventually(lambda: poller.refreshes > 3)
            await edge.stop_agent()
            at = poller.newest or 0
            primary.deaf = True  # what the preferred origin has now is older than what viewers were shown
            primary.segments = [segment for segment in primary.segments if segment.number < at - 5]
            await edge.start_agent()
            await eventually(lambda: poller.newest is not None and poller.newest > at + 4)
        assert poller.errors == []
        assert poller.discontinuities == 0


class FullDisk(Shelf):
    """A shelf without room, for as long as it is `full`."""

    full = True

    def put(self, path: str, data: bytes) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        super().put(path, data)


async def test_a_full_disk_does_not_become_a_flood_on_the_origin_and_passes(tmp_path: Path) -> None:
    shelf = FullDisk(tmp_path / "edge/live")
    async with FakeOrigin("primary").serving() as primary:
        origins, metrics = Origins({"primary": primary.url}), EdgeMetrics()
        mirrors = Mirrors(origins, shelf, shelf.root / "watched.log", metrics)
        async with running_edge(tmp_path, agent=lambda _: Agent(origins, mirrors, metrics)) as edge:
            several(Program(), primary)
            await eventually(lambda: listed(edge))
            assert (await edge.get(MASTER))[0] == 404  # after four seconds
            assert max(count for path, count in primary.asked.items() if path.startswith("/hls/")) < 12
            shelf.full = False
            await until_playable(edge)


class HangingDisk(Shelf):
    """A shelf on a disk that hangs: the calls of `what` wait until it is `well` again."""

    def __init__(self, root: Path, what: str) -> None:
        super().__init__(root)
        self.well = threading.Event()
        self.begun: list[str] = []
        self.done: list[str] = []
        setattr(self, what, self._late(getattr(self, what)))

    def _late(self, call: Callable[..., None]) -> Callable[..., None]:
        def late(*args: object) -> None:
            self.begun.append(call.__name__)
            self.well.wait(120)
            call(*args)
            self.done.append(call.__name__)

        return late


@pytest.mark.parametrize("what", ["put", "save", "put_all"])
async def test_a_mirror_that_ends_while_its_disk_hangs_leaves_nothing_for_ever(what: str, tmp_path: Path) -> None:
    shelf = HangingDisk(tmp_path / "edge/live", what)
    async with FakeOrigin("primary").serving() as primary:
        origins, metrics = Origins({"primary": primary.url}), EdgeMetrics()
        mirrors = Mirrors(origins, shelf, shelf.root / "watched.log", metrics, idle_s=0.5)
        async with running_edge(tmp_path, agent=lambda _: Agent(origins, mirrors, metrics)) as edge:
            several(Program(), primary, count=1)
            await eventually(lambda: listed(edge))

            async def watch() -> None:
                while not shelf.begun:
                    await edge.get(MASTER)

            viewer = asyncio.create_task(watch())
            try:
                await eventually(lambda: shelf.begun)
                await eventually(lambda: "mirrored" not in mirrors.listing())
            finally:
                shelf.well.set()
                viewer.cancel()
            await eventually(lambda: shelf.done == shelf.begun)
            await eventually(lambda: not [*shelf.root.glob("hls/*"), *shelf.root.glob("state/*")])


async def test_what_left_while_it_waited_for_its_turn_is_not_fetched_any_more(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, _):
        primary.bytes_per_s = 5_000  # four seconds for a file: the edge's patience is five
        program = Program()
        several(program, primary, count=10)  # 20 files, of which two of each rung come at a time
        await eventually(lambda: listed(edge))
        asking = asyncio.create_task(edge.get(MASTER))
        await eventually(lambda: len(_fetched(primary)) == 4, every_s=0.02)
        program.number += 100
        name = several(program, primary, count=1)
        primary.bytes_per_s = 1e9
        await asking

        async def shows() -> bool:
            playlist = await edge.playlist(RUNG)
            return playlist is not None and playlist.segments[-1].uri == name

        await eventually(shows)
        assert len(_fetched(primary)) == 6


def _fetched(origin: FakeOrigin) -> list[str]:
    """The segments that an origin was asked for."""
    return [path for path in origin.asked if path.endswith(".m4s")]
