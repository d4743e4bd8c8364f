"""The mirror, with a real nginx in front and two origins behind that do as they are told."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from panocast.feed import State
from tests.integration.edge.fake_origin import NAME, FakeOrigin, Program, content, init_of
from tests.integration.edge.mirroring import MASTER, RUNG, figures, listed, mirroring, on_air, several, until_playable
from tests.integration.edge.running import Edge
from tests.standstill import standstill
from tests.waiting import eventually

pytestmark = pytest.mark.slow


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
        files = [{path: n for path, n in origin.asked.items() if "/hls/" in path} for origin in (primary, backup)]
        assert all(count < 5 for counted in files for count in counted.values()), files
        # The origins share a process with all these viewers: where that kept one from answering, the other was asked.
        if not any(word in said for said in edge.said for word in ("is slow with", "comes from the backup")):
            assert set(files[0].values()) == {1}, files
            assert not files[1], "the standby was asked for files"


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
        await until_playable(edge)
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

                await until_playable(edge)
                await eventually(shows)


async def test_a_viewer_who_is_early_waits_for_the_first_segment(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, _), standstill() as stood:
        await _begins(edge, primary)
        asking = asyncio.create_task(edge.get(MASTER))
        await asyncio.sleep(1.5)
        too_late = asking.done()
        several(Program(), primary, count=1)
        too_late |= (await asking)[0] != 200
        assert not too_late or stood.seconds > 1.0, "of four seconds, in which the agent waits"
        assert primary.asked[f"/feed/{NAME}"] < 10
        await until_playable(edge)


async def test_a_viewer_of_a_stream_that_never_begins_is_told_so_in_the_end(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, _):
        await _begins(edge, primary)
        begun = time.monotonic()
        status, _, headers = await edge.get(MASTER)
        assert (status, headers["Cache-Control"]) == (404, "no-store")
        assert time.monotonic() - begun > 3.5


async def _begins(edge: Edge, primary: FakeOrigin) -> None:
    """Somebody publishes to the primary, and the edge knows; there is no segment yet."""
    primary.publishing.add(NAME)
    asked = primary.asked["/live.json"]
    await eventually(lambda: primary.asked["/live.json"] >= asked + 2)


async def test_names_that_never_existed_cost_the_origins_nothing(tmp_path: Path) -> None:
    async with mirroring(tmp_path, apart=True) as (edge, primary, backup):
        several(Program(), primary, backup)
        await eventually(lambda: listed(edge))
        names = [f"/hls/no-{n}.m3u8" for n in range(500)] + [f"/hls/no-{n}_640/index.m3u8" for n in range(500)]
        answers = []
        for start in range(0, len(names), 100):
            answers += await asyncio.gather(*(_told(edge, f"{name}?x=1") for name in names[start : start + 100]))
        assert {(status, headers["Cache-Control"]) for status, _, headers in answers} == {(404, "no-store")}
        asked = {path for origin in (primary, backup) for path in origin.asked}
        assert not any("no-" in path for path in asked)


async def _told(edge: Edge, path: str) -> tuple[int, bytes, dict[str, str]]:
    """What the edge answers once it hears an origin: with both of them out of reach it does not know."""

    async def answer() -> tuple[int, bytes, dict[str, str]] | None:
        answered = await edge.get(path)
        return None if answered[0] == 503 else answered

    return await eventually(answer) or (503, b"", {})


async def test_what_nobody_watches_is_mirrored_no_more_and_leaves_nothing(tmp_path: Path) -> None:
    async with mirroring(tmp_path, idle_s=4.0) as (edge, primary, backup), on_air(Program(), primary, backup):
        await eventually(lambda: listed(edge))
        await until_playable(edge)
        folder = tmp_path / "edge/live/hls"
        assert len(list(folder.rglob("*.m4s"))) >= 2
        async with standstill() as stood:
            for _ in range(14):  # a viewer, whom only nginx sees, and the agent in its log, a second later or two
                assert await edge.playlist(RUNG)
                await asyncio.sleep(0.4)
        once = primary.asked[f"/hls/{NAME}_640/{init_of(640)[0]}"] == 1
        assert once or stood.seconds > 0.5, "it ended while somebody watched"
        await eventually(lambda: not list(folder.iterdir()))
        assert not list((tmp_path / "edge/live/state").iterdir())
        fetched = sum(count for path, count in primary.asked.items() if path.endswith(".m4s"))
        await asyncio.sleep(0.7)  # two more segments
        assert fetched == sum(count for path, count in primary.asked.items() if path.endswith(".m4s"))
        await until_playable(edge)


async def test_files_leave_with_the_window_and_not_before_the_viewers(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, backup):
        primary.window = backup.window = 4
        program = Program()
        folder = tmp_path / f"edge/live/hls/{NAME}_640"
        async with on_air(program, primary, backup):
            await eventually(lambda: listed(edge))
            await until_playable(edge)
            playlist = await edge.playlist(RUNG)
            assert playlist
            begun, oldest = playlist.media_sequence, str(playlist.segments[0].uri)

            async def behind() -> bool:
                playlist = await edge.playlist(RUNG)
                assert playlist
                return playlist.media_sequence > begun + 8 and len(playlist.segments) == 4

            await eventually(behind)
            assert len(list(folder.glob("*.m4s"))) > 4, "a viewer who is behind finds nothing"
            await eventually(lambda: not (folder / oldest).exists())
            assert len(list(folder.glob("*.m4s"))) < 16
            gone = f"/hls/{NAME}_640/{oldest}"
            asked = primary.asked[gone], backup.asked[gone]
            assert any(asked)
            status, _, headers = await edge.get(gone)
            assert (status, headers["Cache-Control"]) == (404, "no-store")
            assert (primary.asked[gone], backup.asked[gone]) == asked, "an origin was asked again"
        assert (folder / init_of(640)[0]).exists()


async def test_a_stream_that_ended_says_so(tmp_path: Path) -> None:
    async with mirroring(tmp_path) as (edge, primary, backup):
        several(Program(), primary, backup)
        await eventually(lambda: listed(edge))
        await until_playable(edge)
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
        await until_playable(edge)

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
