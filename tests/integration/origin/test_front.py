"""The front: TLS in front of RTMP, limits for everybody, and nobody trusted for coming from loopback."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.origin.encoder import argv, publish, publishing
from tests.integration.origin.running import Origin, running_origin
from tests.media import output_of
from tests.ports import free_ports
from tests.waiting import eventually

pytestmark = pytest.mark.slow


def certificate(folder: Path) -> dict[str, Any]:
    """A certificate for localhost and its key, as the settings name them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(hours=1), now + timedelta(days=1))
    paths = {"tls_cert": folder / "cert.pem", "tls_key": folder / "key.pem"}
    paths["tls_cert"].write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths["tls_key"].write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, plain))
    return paths


@asynccontextmanager
async def tls_origin(folder: Path, packager: str = "panocast") -> AsyncIterator[Origin]:
    (port,) = free_ports(1)
    async with running_origin(folder, rtmps_port=port, packager=packager, **certificate(folder)) as origin:
        yield origin


def over_tls(origin: Origin, url: str) -> str:
    ports = origin.settings.origin
    return url.replace(f"rtmp://127.0.0.1:{ports.rtmp_port}", f"rtmps://127.0.0.1:{ports.rtmps_port}")


async def succeeds(*words: str) -> bool:
    """Whether a program ends with exit code 0."""
    return (await publish(words)).returncode == 0


async def plays(url: str) -> bool:
    """Whether somebody who asks for a stream gets any of it."""
    return await succeeds("ffprobe", "-v", "error", "-rw_timeout", "8000000", "-show_entries", "stream=width", url)


async def greeted(port: int, source: str) -> bool:
    """Whether nginx-rtmp answers the first bytes of a handshake (RTMP 1.0, 5.2) that come from an address."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        writer.write(b"\x03" + bytes(1536))
        async with asyncio.timeout(60):
            return await reader.read(1) == b"\x03"
    except ConnectionError:
        return False
    finally:
        writer.close()


async def test_over_tls_one_publishes_with_the_key_and_plays_nothing(tmp_path: Path) -> None:
    async with tls_origin(tmp_path) as origin:
        assert (await publish(argv(over_tls(origin, origin.url("cam", key="W" * 32)), seconds=1))).returncode
        async with publishing(argv(over_tls(origin, origin.url("cam")), size="320x160")):
            await origin.playable("cam")
            inside = f"rtmp://127.0.0.1:{origin.settings.origin.show_port}/live/cam"
            assert await eventually(lambda: plays(inside)), "what runs on this machine does"
            for url in (over_tls(origin, origin.url("cam")), origin.url("cam")):
                assert not await plays(url), url.partition("?")[0]
                assert not await plays(url.partition("?")[0])
        assert origin.key("cam") not in origin.everything_said()


async def test_through_the_front_nobody_hands_rungs_in_even_with_their_key(tmp_path: Path) -> None:
    async with tls_origin(tmp_path, packager="nginx-rtmp") as origin:
        url = origin.url("cam_640", app="show")
        for public in (over_tls(origin, url), url):
            assert (await publish(argv(public, seconds=1, realtime=False))).returncode
        assert not list(origin.paths.hls.iterdir())


async def test_old_tls_is_refused(tmp_path: Path) -> None:
    async with tls_origin(tmp_path) as origin:
        at = f"127.0.0.1:{origin.settings.origin.rtmps_port}"
        for version, welcome in (("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
            words = ("openssl", "s_client", "-connect", at, version, "-cipher", "ALL:@SECLEVEL=0")
            assert await succeeds(*words) == welcome, version


async def test_one_address_cannot_take_all_the_room(tmp_path: Path) -> None:
    """Connections that say nothing stay within their address's limit, and keep nobody else out."""
    async with running_origin(tmp_path, connections_per_address=5) as origin:
        port = origin.settings.origin.rtmp_port
        ends = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        closed = [asyncio.create_task(reader.read()) for reader, _ in ends]
        await eventually(lambda: sum(task.done() for task in closed) == 15)
        assert not await greeted(port, "127.0.0.1"), "this address is full"
        assert await greeted(port, "127.0.0.3")
        for _, writer in ends:
            writer.close()
        await eventually(lambda: greeted(port, "127.0.0.1"))
        assert "limiting" not in origin.everything_said(), "a flood must not fill the log"


async def test_a_thousand_wrong_keys_do_not_hurt_the_stream(tmp_path: Path) -> None:
    async with running_origin(tmp_path) as origin, publishing(argv(origin.url("cam"), size="320x160")):
        await origin.segments("cam", 320, at_least=2)
        before = memory_kb(origin)

        async def guess(n: int) -> None:
            form = (
                "app=live&flashver=&swfurl=&tcurl=&pageurl=&addr=127.0.0.2"
                f"&clientid={n + 1000}&call=publish&name=cam{n % 100}&type=live&key={n:032}"
            )
            async with session.post(
                f"http://127.0.0.1:{origin.settings.origin.agent_port}/hooks/publish", data=form.encode()
            ) as answer:
                assert answer.status == 403

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(guess(n) for n in range(1000)))
        segments = await origin.segments("cam", 320, at_least=4)
        assert not any(segment.discontinuity for segment in segments)
        assert [s.number for s in segments] == list(range(segments[0].number, segments[0].number + len(segments)))
        assert memory_kb(origin) - before < 20_000
        assert len(origin.agent.log.read_text().splitlines()) < 100


def memory_kb(origin: Origin) -> int:
    """The memory of the agent."""
    assert origin.agent.process
    status = Path(f"/proc/{origin.agent.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


async def test_what_is_too_long_for_a_hook_is_refused(tmp_path: Path) -> None:
    async with running_origin(tmp_path) as origin:
        port = origin.settings.origin.agent_port
        for hook in ("publish", "publish_done"):
            async with origin.http.post(f"http://127.0.0.1:{port}/hooks/{hook}", data=b"x" * 100_000) as answer:
                assert answer.status == 413, hook


async def test_a_renewed_key_counts_at_once(tmp_path: Path) -> None:
    async with running_origin(tmp_path) as origin:
        old = origin.url("cam", key=origin.key("cam"))
        command = str(Path(sys.executable).with_name("panocast"))
        renewed, _ = await output_of(command, "stream-key", "cam", "--renew", "--state", str(tmp_path))
        assert renewed.strip() == f"cam?key={origin.key('cam')}"
        assert (await publish(argv(old, seconds=1, realtime=False))).returncode
        async with publishing(argv(origin.url("cam"), size="320x160")):
            await origin.playable("cam")
        assert origin.key("cam") not in origin.everything_said()
