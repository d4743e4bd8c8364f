"""The mirror, with a real nginx in front and two origins behind that do as they are told."""

from __future__ import annotations

import asyncio
import errno
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.metrics import EdgeMetrics
from edge.mirrors import Mirrors
from edge.origins import Origins
from edge.shelf import Shelf
from panocast.feed import State
from tests.integration.edge.fake_origin import NAME, FakeOrigin, Program, broadcast, content, init_of
from tests.integration.edge.poller import Poller
from tests.integration.edge.running import Edge, running_edge
from tests.waiting import eventually

pytestmark = pytest.mark.slow

MASTER = f"/hls/{NAME}.m3u8"
RUNG = f"/hls/{NAME}_640/index.m3u8"


@asynccontextmanager
async def mirroring(
    state: Path, *, apart: bool = False, **overrides: str | int | float
) -> AsyncIterator[tuple[Edge, FakeOrigin, FakeOrigin]]:
    async with AsyncExitStack() as stack:
        primary = await stack.enter_async_context(FakeOrigin("primary").serving())
        backup = await stack.enter_async_context(FakeOrigin("backup").serving())
        edge = await stack.enter_async_context(
            running_edge(
                state, apart=apart, edge={"live": "mirror", "primary": primary.url, "backup": backup.url, **overrides}
            )
        )
        yield edge, primary, backup


@asynccontextmanager
async def on_air(program: Program, *origins: FakeOrigin) -> AsyncIterator[None]:
    """A broadcast to these origins."""
    task = asyncio.create_task(broadcast(program, origins))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def several(program: Program, *origins: FakeOrigin, count: int = 5) -> str:
    """Announce some segments at once; gives the last one's name."""
    for _ in range(count):
        segment = program.next()
        for origin in origins:
            origin.announce(segment)
    return segment.name


async def listed(edge: Edge) -> dict[str, str]:
    """The stream's entry in /live.json."""
    live = json.loads((await edge.get("/live.json"))[1])["live"]
    return next((stream for stream in live if stream["name"] == NAME), {})


async def figures(edge: Edge) -> dict[str, float]:
    """What the agent tells of itself, by name and labels."""
    async with edge.session.get(f"{edge.agent_url}/metrics") as response:
        lines = [line for line in (await response.text()).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_viewers_by_the_hundred_cost_the_origin_one_request_for_each_file(tmp_path: Path) -> None:
    async with mirroring(tmp_path, apart=True) as (edge, primary, backup):
        program = Program()
        name = several(program, primary, backup)
        await eventually(lambda: listed(edge))
        assert await edge.playlist(MASTER)
        paths = [MASTER, RUNG, f"/hls/{NAME}_640/{init_of(640)[0]}", f"/hls/{NAME}_640/{name}"]
        for path in paths:
            answers = await asyncio.gather(*(edge.get(f"{path}?x={n}") for n in range(150)))
            assert {status for status, _, _ in answers} == {200}
            assert len({body for _, body, _ in answers}) == 1
        # A segment that a viewer asks for before the mirror has it, as behind a balancer in front of several edges.
        cold = program.next()
        asking = [asyncio.create_task(edge.get(f"/hls/{NAME}_640/{cold.name}?x={n}")) for n in range(500)]
        await asyncio.sleep(0.3)
        primary.announce(cold)
        backup.announce(cold)
        for status, body, headers in await asyncio.gather(*asking):
            assert (status, body) == (200, content(640, cold.name))
            assert headers["Cache-Control"] == "public, max-age=86400, immutable"
        files = {path: count for origin in (primary, backup) for path, count in origin.asked.items() if "/hls/" in path}
        assert set(files.values()) == {1}, files
        assert not any("/hls/" in path for path in backup.asked), "the standby was asked for files"


async def test_each_answer_says_how_long_it_may_be_kept(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, backup):
        name = several(Program(), primary, backup)
        await eventually(lambda: listed(edge))
        expected = {
            MASTER: ("application/vnd.apple.mpegurl", "public, max-age=0, s-maxage=1"),
            RUNG: ("application/vnd.apple.mpegurl", "public, max-age=0, s-maxage=1"),
            f"/hls/{NAME}_640/{init_of(640)[0]}": ("video/mp4", "public, max-age=86400, immutable"),
            f"/hls/{NAME}_640/{name}": ("video/iso.segment", "public, max-age=86400, immutable"),
            "/live.json": ("application/json", "public, max-age=0, s-maxage=1"),
        }
        for _ in range(2):  # asked of the agent, then a file
            for path, (media_type, lifetime) in expected.items():
                status, _, headers = await edge.get(path)
                told = (status, headers["Content-Type"].split(";")[0], headers["Cache-Control"])
                assert told == (200, media_type, lifetime), path
        assert (await edge.get(RUNG))[2]["X-Cache"] == "HIT"
        for path in (f"/hls/{NAME}_640/aaaaaaaa-5.m4s", "/hls/other.m3u8", "/hls/other_640/index.m3u8"):
            status, _, headers = await edge.get(path)
            assert (status, headers["Cache-Control"]) == (404, "no-store")


async def test_a_playlist_is_never_said_to_be_unchanged(tmp_path: Path) -> None:
    """nginx tells versions apart by second and size, and there may be several of one size in a second."""
    async with mirroring(tmp_path) as (edge, primary, backup):
        several(Program(), primary, backup)
        await eventually(lambda: listed(edge))
        await _until_playable(edge)
        for path in (MASTER, RUNG, "/live.json"):
            _, _, headers = await edge.get(path)
            assert "ETag" not in headers
            seen = {"If-Modified-Since": headers["Last-Modified"]}
            async with edge.session.get(edge.url + path, headers=seen) as response:
                assert response.status == 200, path


async def test_a_playlist_is_the_newest_for_those_who_take_it_compressed_and_for_those_who_do_not(
    tmp_path: Path,
) -> None:
    async with mirroring(tmp_path) as (edge, primary, backup):
        program = Program()
        for _ in range(3):
            name = several(program, primary, backup, count=2)
            await eventually(lambda: listed(edge))
            for coding, proxy in (("identity", {}), ("gzip", {}), ("gzip", {"Via": "1.1 a-school"})):
                asking = {"Accept-Encoding": coding, **proxy}

                async def shows(name: str = name, coding: str = coding, asking: dict[str, str] = asking) -> bool:
                    async with edge.session.get(edge.url + RUNG, headers=asking) as answer:
                        assert answer.headers["Vary"] == "Accept-Encoding"
                        assert answer.headers.get("Content-Encoding", "identity") == coding
                        assert "Content-Length" in answer.headers, "compressed for this viewer alone"
                        return (await answer.text()).endswith(f"{name}\n")

                await _until_playable(edge)
                await eventually(shows, within_s=5)


async def test_a_viewer_who_is_early_waits_for_the_first_segment(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, _):
        await _begins(edge, primary)
        asking = asyncio.create_task(edge.get(MASTER))
        await asyncio.sleep(1.5)
        assert not asking.done()
        begun = time.monotonic()
        several(Program(), primary, count=1)
        assert (await asking)[0] == 200
        assert time.monotonic() - begun < 2.0
        assert primary.asked[f"/feed/{NAME}"] < 10


async def test_a_viewer_of_a_stream_that_never_begins_is_told_so_in_the_end(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, _):
        await _begins(edge, primary)
        begun = time.monotonic()
        status, _, headers = await edge.get(MASTER)
        assert (status, headers["Cache-Control"]) == (404, "no-store")
        assert 3.5 < time.monotonic() - begun < 10.0


async def _begins(edge: Edge, primary: FakeOrigin) -> None:
    """Somebody publishes to the primary, and the edge knows; there is no segment yet."""
    primary.publishing.add(NAME)
    asked = primary.asked["/live.json"]
    await eventually(lambda: primary.asked["/live.json"] >= asked + 2)


async def _until_playable(edge: Edge) -> None:
    async def playable() -> bool:
        return (await edge.get(MASTER))[0] == 200

    await eventually(playable, every_s=0.1)


async def test_names_that_never_existed_cost_the_origins_nothing(tmp_path: Path) -> None:
    async with mirroring(tmp_path, apart=True) as (edge, primary, backup):
        several(Program(), primary, backup)
        await eventually(lambda: listed(edge))
        names = [f"/hls/no-{n}.m3u8" for n in range(500)] + [f"/hls/no-{n}_640/index.m3u8" for n in range(500)]
        answers = []
        for start in range(0, len(names), 100):
            answers += await asyncio.gather(*(edge.get(f"{name}?x=1") for name in names[start : start + 100]))
        assert {(status, headers["Cache-Control"]) for status, _, headers in answers} == {(404, "no-store")}
        asked = {path for origin in (primary, backup) for path in origin.asked}
        assert not any("no-" in path for path in asked)


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
    async with mirroring(tmp_path) as (edge, primary, backup), on_air(program := Program(), primary, backup):
        await eventually(lambda: listed(edge))
        await _until_playable(edge)
        async with Poller(edge.session, edge.url + MASTER) as poller:
            await eventually(lambda: poller.refreshes > 3)
            await fault(primary)  # type: ignore[operator]
            at = program.number
            await eventually(lambda: poller.newest is not None and poller.newest > at + 4)

            async def switched() -> bool:
                return (await listed(edge))["origin"] == "backup"

            await eventually(switched, within_s=3)
        assert poller.errors == []
        assert poller.longest_wait_s < 2.0, "viewers waited"
        assert poller.discontinuities == 0
        told = await listed(edge)
        assert told["mirrored"]
        assert "primary" in told["why"]
        assert (await figures(edge))['panocast_edge_switches_total{stream="cam"}'] == 1


async def test_a_primary_that_is_well_again_serves_again_without_a_seam(tmp_path: Path) -> None:
    async with mirroring(tmp_path, back_s=1.0) as (edge, primary, backup), on_air(Program(), primary, backup):
        await eventually(lambda: listed(edge))
        await _until_playable(edge)
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
            await _until_playable(edge)
            async with Poller(edge.session, edge.url + MASTER) as poller:
                await eventually(lambda: poller.refreshes > 3)
                await primary.die()
                await eventually(lambda: poller.newest is not None and poller.newest > 5000)
            assert poller.errors == []
            assert poller.discontinuities == 1


async def test_an_agent_that_starts_again_goes_on_where_the_other_stopped(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, backup), on_air(Program(), primary, backup):
        await eventually(lambda: listed(edge))
        await _until_playable(edge)
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


async def test_what_nobody_watches_is_mirrored_no_more_and_leaves_nothing(tmp_path: Path) -> None:
    async with mirroring(tmp_path, idle_s=2.0) as (edge, primary, backup), on_air(Program(), primary, backup):
        await eventually(lambda: listed(edge))
        await _until_playable(edge)
        folder = tmp_path / "edge/live/hls"
        assert len(list(folder.rglob("*.m4s"))) >= 2
        for _ in range(7):  # a viewer, whom only nginx sees
            assert await edge.playlist(RUNG)
            await asyncio.sleep(0.4)
        assert primary.asked[f"/hls/{NAME}_640/{init_of(640)[0]}"] == 1, "it ended while somebody watched"
        await eventually(lambda: not list(folder.iterdir()))
        assert not list((tmp_path / "edge/live/state").iterdir())
        fetched = sum(count for path, count in primary.asked.items() if path.endswith(".m4s"))
        await asyncio.sleep(0.7)  # two more segments
        assert fetched == sum(count for path, count in primary.asked.items() if path.endswith(".m4s"))
        await _until_playable(edge)


async def test_files_leave_with_the_window_and_not_before_the_viewers(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, backup):
        primary.window = backup.window = 4
        program = Program()
        folder = tmp_path / f"edge/live/hls/{NAME}_640"
        async with on_air(program, primary, backup):
            await eventually(lambda: listed(edge))
            await _until_playable(edge)

            async def behind() -> bool:
                playlist = await edge.playlist(RUNG)
                assert playlist
                return playlist.media_sequence > 108 and len(playlist.segments) == 4

            await eventually(behind)
            assert len(list(folder.glob("*.m4s"))) > 4, "a viewer who is behind finds nothing"
            await eventually(lambda: not (folder / "aaaaaaaa-100.m4s").exists())
            assert len(list(folder.glob("*.m4s"))) < 16
            gone = f"/hls/{NAME}_640/aaaaaaaa-100.m4s"
            status, _, headers = await edge.get(gone)
            assert (status, headers["Cache-Control"]) == (404, "no-store")
            assert (primary.asked[gone], backup.asked[gone]) == (1, 0), "an origin was asked again"
        assert (folder / init_of(640)[0]).exists()


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
            assert max(primary.asked[path] for path in _fetched(primary)) < 12
            shelf.full = False
            await _until_playable(edge)


async def test_what_left_while_it_waited_for_its_turn_is_not_fetched_any_more(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, _):
        primary.bytes_per_s = 40_000  # half a second for a file
        program = Program()
        several(program, primary, count=10)  # 20 files, of which 8 come at a time
        await eventually(lambda: listed(edge))
        asking = asyncio.create_task(edge.get(MASTER))
        await eventually(lambda: len(_fetched(primary)) == 8, every_s=0.02)
        program.number += 100
        name = several(program, primary, count=1)
        await asking

        async def shows() -> bool:
            playlist = await edge.playlist(RUNG)
            return playlist is not None and playlist.segments[-1].uri == name

        await eventually(shows)
        assert len(_fetched(primary)) == 10


def _fetched(origin: FakeOrigin) -> list[str]:
    """The segments that an origin was asked for."""
    return [path for path in origin.asked if path.endswith(".m4s")]


async def test_a_stream_that_ended_says_so(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, backup):
        several(Program(), primary, backup)
        await eventually(lambda: listed(edge))
        await _until_playable(edge)
        for origin in (primary, backup):
            origin.state = State.ENDED
            origin.changed()

        async def ended() -> bool:
            playlist = await edge.playlist(RUNG)
            return playlist is not None and playlist.is_endlist

        await eventually(ended)


async def test_figures_are_on_the_agents_port_and_nowhere_else(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, backup), on_air(Program(), primary, backup):
        await eventually(lambda: listed(edge))
        await _until_playable(edge)

        expected = {
            'panocast_edge_origin{origin="primary",stream="cam"}',
            'panocast_edge_viewers{stream="cam"}',
            'panocast_edge_sent_bytes_total{stream="cam"}',
            'panocast_edge_fetched_total{origin="primary"}',
            'panocast_edge_fetched_bytes_total{origin="primary"}',
            "panocast_edge_fresh_seconds_count",
        }

        async def counted() -> bool:
            await edge.get(RUNG)
            found = await figures(edge)
            return all(found.get(name, 0) > 0 for name in expected)

        await eventually(counted)
        assert (await edge.get("/metrics"))[0] == 404
