"""Who is let in: the right key under a free, legal name, and nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.integration.origin.encoder import argv, publish, publishing
from tests.integration.origin.media import packets
from tests.integration.origin.running import Origin, running_origin
from tests.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Origin]:
    async with running_origin(tmp_path) as running:
        yield running


def attempt(origin: Origin, playpath: str, *, app: str = "live", port: int | None = None) -> list[str]:
    """What tries to publish under a name that an ordinary URL could not carry."""
    words = argv(f"rtmp://127.0.0.1:{port or origin.settings.origin.rtmp_port}/", seconds=1, realtime=False)
    return [*words[:-1], "-rtmp_app", app, "-rtmp_playpath", playpath, words[-1]]


async def refused(origin: Origin, words: list[str]) -> bool:
    """Whether a publish was refused: the encoder fails, and nothing was recorded."""
    child = await publish(words)
    return bool(child.returncode) and not list(origin.paths.recordings.glob("*.flv"))


ILLEGAL = ["..%2f..%2fevil", "../../evil", "-y", "a" * 300, "a b", "UPPER", "ünï", "$(id)", "a/b", "cam.mp4", "cam_640"]


async def test_illegal_names_are_refused_even_with_their_key(origin: Origin) -> None:
    canary = origin.settings.state.parent / "evil"
    for name in ILLEGAL:
        assert await refused(origin, attempt(origin, f"{name}?key={origin.key(name)}")), name
    assert not list(origin.settings.state.parent.rglob("*evil*"))
    assert not canary.exists()
    assert all("illegal" in r["reason"] for r in (await origin.live())["refused"])


async def test_without_the_right_key_nobody_publishes(origin: Origin) -> None:
    key = origin.key("cam")
    other = origin.key("other")
    for playpath in (
        "cam", "cam?key=", f"cam?key={other}", f"cam?key={key[:-1]}", f"cam?key={key}&key={key}", f"cam?Key={key}",
        f"cam&key={key}", f"cam&type=live&key={key}",
    ):  # fmt: skip
        assert await refused(origin, attempt(origin, playpath)), playpath
    for app in ("live&name=other", "qa", "show"):
        assert await refused(origin, attempt(origin, f"cam?key={other}", app=app)), app
    reasons = {r["reason"] for r in (await origin.live())["refused"] if r["name"] == "cam"}
    assert any("no key" in reason for reason in reasons)
    assert any("wrong key" in reason for reason in reasons)


async def test_what_a_client_calls_itself_is_not_taken_for_nginxs_word(origin: Origin) -> None:
    """Nobody with a key for one name may write the form that nginx sends, and publish under another."""
    forged = f"pageurl=&addr=127.0.0.1&clientid=99&call=publish&name=cam&type=live&key={origin.key('cam')}"
    for field in ("-rtmp_tcurl", "-rtmp_flashver", "-rtmp_swfurl", "-rtmp_pageurl"):
        for tail in (forged, forged[len("pageurl=&") :]):
            words = attempt(origin, "other?x=y")
            assert await refused(origin, [*words[:-1], field, f"rtmp://h/live&{tail}&z=", words[-1]]), (field, tail)


async def test_the_loopback_does_not_exist_on_the_public_port(origin: Origin) -> None:
    rung = "cam_640"
    key = origin.key(rung)
    assert await refused(origin, attempt(origin, f"{rung}?key={key}", app="show"))
    assert await refused(origin, attempt(origin, rung, app="show", port=origin.settings.origin.show_port))
    assert not (origin.paths.hls / rung).exists()


async def published(origin: Origin) -> bool:
    """Whether somebody was let in."""
    return "cam" in (await origin.live())["publishing"]


async def test_a_busy_name_is_refused_and_the_live_stream_untouched(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"))) as first:
        await eventually(lambda: published(origin))
        for _ in range(3):
            assert (await publish(argv(origin.url("cam"), seconds=3))).returncode
        assert "busy" in (await origin.refused("cam") or "")
        await origin.playable("cam")
        assert first.returncode is None
    await stored_whole(origin)


async def test_of_several_who_come_at_once_one_passes(origin: Origin) -> None:
    async with AsyncExitStack() as stack:
        all_of_them = [await stack.enter_async_context(publishing(argv(origin.url("cam")))) for _ in range(4)]
        await eventually(lambda: sum(child.returncode is not None for child in all_of_them) == 3)
        await origin.playable("cam")
        assert sum(child.returncode is None for child in all_of_them) == 1
        assert all(child.returncode != 0 for child in all_of_them), "who was refused fails"
        assert "busy" in (await origin.refused("cam") or "")
    await stored_whole(origin)


async def stored_whole(origin: Origin) -> None:
    """One encoder is recorded, and all of its frames are there, each in its place."""
    (session,) = await origin.closed("cam")
    assert origin.recordings("cam") == [session]
    found = [
        packet.dts_s
        for part in sorted(session.glob("*.mp4"))
        for packet in await packets(part)
        if packet.track == "video"
    ]
    assert len(found) > 30
    assert all(abs(at - n / 30) < 0.002 for n, at in enumerate(found))


async def test_keys_are_in_no_log_and_no_page(origin: Origin) -> None:
    async with publishing(argv(origin.url("cam"))):
        await origin.playable("cam")
    wrong = "W" * 32
    await publish(argv(origin.url("cam", key=wrong), seconds=1))
    await publish(attempt(origin, f"cam&key={origin.key('cam')}"))
    await origin.agent.kill()
    await publish(argv(origin.url("cam"), seconds=1))
    await origin.agent.start()
    await origin.ready()
    said = origin.everything_said() + str(await origin.live())
    for path in (origin.paths.folder / "logs").rglob("*"):
        said += path.read_text(errors="replace")
    assert "published" in said
    for key in (origin.key("cam"), origin.key("cam_640"), origin.key("cam_480"), wrong):
        assert key not in said


async def test_the_agent_away_means_refused_and_back_means_welcome(origin: Origin) -> None:
    await origin.agent.kill()
    assert await refused(origin, argv(origin.url("cam"), seconds=1))
    await origin.agent.start()
    await origin.ready()
    async with publishing(argv(origin.url("cam"))):
        await origin.playable("cam")


async def test_a_test_pattern_is_transmuxed_only(origin: Origin) -> None:
    async with publishing(argv(origin.url("bars", app="qa"))):
        entry = await origin.playable("bars")
        assert entry["url"] == "/testhls/bars.m3u8"
        assert entry["rungs"] == [640]
        status, text, _ = await origin.get(entry["url"])
        assert status == 200
        segment = next(line for line in text.splitlines() if line.endswith(".ts"))
        assert (await origin.get(f"/testhls/{segment}"))[0] == 200
        assert not list(origin.paths.recordings.iterdir())
        assert not list(origin.paths.hls.iterdir())

    async def gone() -> bool:
        return (await origin.get("/testhls/bars.m3u8"))[0] == 404 and await origin.entry("bars") is None

    await eventually(gone, within_s=90)
    assert not (origin.ingest / "recordings").exists()
