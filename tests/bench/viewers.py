"""What viewers cost an edge and its origins: hundreds against one, and our nginx against plain nginx.

The origins are doubles that send files of a real rate, so that the machine's time goes to the edge and its viewers.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from edge.config import edge_paths, live_folder
from panocast.nginx import command, worker_user
from panocast.service import Service
from tests.integration.edge.fake_origin import NAME, FakeOrigin, Program, broadcast
from tests.integration.edge.running import Edge, running_edge
from tests.ports import free_ports
from tests.processes import descendants
from tests.waiting import eventually

RUNG = 640
SEGMENT_MS = 1000
PROCESSES = 2
PROBES = 4
"""So many viewers are measured, in a process of its own that does nothing else: first alone, then beside the others."""
LAG_EVERY_S = 0.02
IN_FLIGHT = 16
ROUNDS = 9
ROUND_S = 1.5

NO_LIMITS = {"requests_per_address_s": 1_000_000, "connections_per_address": 10_000}
"""For a load that no viewers make; the hundreds, all from one address, keep to what is set by default."""

PLAIN = """
{user}daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000; root {root};
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port} backlog=4096; }}
}}
"""


@dataclass
class Watched:
    """What viewers saw: seconds from asking for a playlist that names a new segment to having it; what went wrong.
    `lag_s` is how late the process of these viewers itself was, again and again: no server's fault."""

    fresh_s: list[float] = field(default_factory=list)
    lag_s: list[float] = field(default_factory=list)
    requests: int = 0
    errors: list[str] = field(default_factory=list)


class Viewer:
    """Asks for one rung's playlist once a segment, and for what is new in it, on one connection."""

    def __init__(self, port: int, seen: Watched) -> None:
        self._port, self._seen = port, seen

    async def watch(self, until: float) -> None:
        """Watch until `time.monotonic()` is so late."""
        known = ""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 21)
        while time.monotonic() < until:
            asked = time.monotonic()
            try:
                playlist = (await self._get(reader, writer, f"{NAME}_{RUNG}/index.m3u8")).decode()
                newest = playlist.split()[-1]
                if newest != known:
                    await self._get(reader, writer, f"{NAME}_{RUNG}/{newest}")
                    if known:
                        self._seen.fresh_s.append(time.monotonic() - asked)
                    known = newest
            except (OSError, ValueError, asyncio.IncompleteReadError) as error:
                self._seen.errors.append(f"{error!r}")
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 21)
            await asyncio.sleep(max(0.0, asked + SEGMENT_MS / 1000 - time.monotonic()))
        writer.close()

    async def _get(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bytes:
        self._seen.requests += 1
        writer.write(f"GET /hls/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        size = re.search(r"\r\ncontent-length: (\d+)\r\n", head.lower())
        if not head.startswith("HTTP/1.1 200 ") or size is None:
            raise ValueError(f"{path}: {head.splitlines()[0]}")
        return await reader.readexactly(int(size[1]))


def watch_together(port: int, viewers: int, seconds: float) -> Watched:
    """So many viewers, spread over a segment's time, in this process."""
    seen = Watched()

    async def watch() -> None:
        until = time.monotonic() + seconds

        async def join(number: int) -> None:
            await asyncio.sleep(SEGMENT_MS / 1000 * number / viewers)
            await Viewer(port, seen).watch(until)

        lagging = asyncio.create_task(_note_lag(seen.lag_s))
        await asyncio.gather(*(join(number) for number in range(viewers)))
        lagging.cancel()

    asyncio.run(watch())
    return seen


async def _note_lag(lag_s: list[float]) -> None:
    while True:
        until = time.monotonic() + LAG_EVERY_S
        await asyncio.sleep(LAG_EVERY_S)
        lag_s.append(time.monotonic() - until)


async def bench_viewers(*, viewers: int, seconds: float, bitrate_bps: int = 1_500_000) -> list[str]:
    """A few viewers alone, then beside hundreds; then the edge's nginx against a plain one."""
    size = bitrate_bps // 8 * SEGMENT_MS // 1000
    with tempfile.TemporaryDirectory() as folder, _processes() as pool:
        async with on_air(Path(folder) / "watched", size) as (edge, origins):
            [alone] = await _watch(pool, edge, [PROBES], seconds)
            for origin in origins:
                origin.asked.clear()
            shares = [viewers // PROCESSES + (number < viewers % PROCESSES) for number in range(PROCESSES)]
            beside, *crowd = await _watch(pool, edge, [PROBES, *filter(None, shares)], seconds)
            many = _together([beside, *crowd])
            files = [count for origin in origins for path, count in origin.asked.items() if path.endswith(".m4s")]
            asked = {path for origin in origins for path in origin.asked if path.endswith(".m4s")}
            lines = [
                f"{viewers} viewers for {seconds:g} s: {many.requests} requests, {len(many.errors)} errors (aim 0)",
                f"origin requests for each segment: {sum(files) / len(asked):.3f} (aim 1.0), {len(asked)} segments",
                f"to a fresh segment, {PROBES} viewers in a process of their own: alone {_told(alone)}; "
                f"beside {viewers} others {_told(beside)} (aim for p99: at most 50 ms more)",
                f"the others, {len(crowd)} processes: {_told(_together(crowd))}",
                *sorted(set(many.errors))[:3],
            ]
        async with on_air(Path(folder) / "compared", size, **NO_LIMITS) as (edge, _):
            return [*lines, *await _against_plain(pool, Path(folder), edge)]


def _processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(PROCESSES + 1, mp_context=multiprocessing.get_context("spawn"))


@asynccontextmanager
async def on_air(folder: Path, size: int, **limits: int) -> AsyncIterator[tuple[Edge, Sequence[FakeOrigin]]]:
    """An edge before two origins that broadcast segments of so many bytes."""
    await asyncio.to_thread(folder.mkdir)
    primary, backup = FakeOrigin("primary", size=size), FakeOrigin("backup", size=size)
    async with (
        primary.serving(),
        backup.serving(),
        running_edge(folder, apart=True, edge={**limits, "primary": primary.url, "backup": backup.url}) as edge,
    ):
        sending = asyncio.create_task(broadcast(Program(duration_ms=SEGMENT_MS), (primary, backup)))
        try:

            async def playable() -> bool:
                return (await edge.get(f"/hls/{NAME}.m3u8"))[0] == 200

            await eventually(playable)
            yield edge, (primary, backup)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _watch(pool: ProcessPoolExecutor, edge: Edge, shares: Sequence[int], seconds: float) -> list[Watched]:
    """So many viewers in each process, all at once."""
    loop = asyncio.get_running_loop()
    port = edge.settings.edge.http_port
    return await asyncio.gather(*(loop.run_in_executor(pool, watch_together, port, share, seconds) for share in shares))


def _together(parts: Sequence[Watched]) -> Watched:
    return Watched(
        [delay for part in parts for delay in part.fresh_s],
        [lag for part in parts for lag in part.lag_s],
        sum(part.requests for part in parts),
        [error for part in parts for error in part.errors],
    )


def _told(seen: Watched) -> str:
    return (
        f"p99 {_percentile_ms(seen.fresh_s, 99):.0f} ms, median {_percentile_ms(seen.fresh_s, 50):.0f} ms "
        f"({len(seen.fresh_s)} segments; the process itself late by {_percentile_ms(seen.lag_s, 99):.0f} ms at p99)"
    )


def _percentile_ms(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000


# ---- nginx against nginx


def hits(port: int, path: str, accepts: str, seconds: float) -> tuple[float, float]:
    """Requests and bits per second of one connection with several requests in flight: so that the server, not the
    client, is what there is too little of."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {accepts}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536)
        headers, _, body = head.partition(b"\r\n\r\n")
        found = re.search(rb"\r\nContent-Length: (\d+)", headers)
        assert headers.startswith(b"HTTP/1.1 200"), headers
        assert found, headers
        size = len(headers) + 4 + int(found[1])
        left = int(found[1]) - len(body)
        room = bytearray(1 << 20)
        while left:
            left -= connection.recv_into(room, left)
        connection.sendall(request * IN_FLIGHT)
        done = received = 0
        begun = time.monotonic()
        while (now := time.monotonic()) - begun < seconds:
            received += connection.recv_into(room)
            if whole := received // size - done:
                done += whole
                connection.sendall(request * whole)
        return done / (now - begun), received * 8 / (now - begun)


async def _against_plain(pool: ProcessPoolExecutor, folder: Path, edge: Edge) -> list[str]:
    """The same files from a plain nginx with one worker and from one worker of the edge, in turns."""
    root = live_folder(edge.settings)
    config = folder / "plain" / "nginx.conf"
    config.parent.mkdir()
    [port] = free_ports(1)
    user = f"user {name}; " if (name := worker_user()) else ""
    config.write_text(PLAIN.format(folder=config.parent, root=root, port=port, user=user))
    serving = asyncio.create_task(Service(command("plain nginx", config)).run())
    try:
        # A copy, since what is live changes and goes.
        still = shutil.copytree(root / f"hls/{NAME}_{RUNG}", root / f"hls/still_{RUNG}")
        segment = max(path.name for path in still.glob("*.m4s"))
        await eventually(lambda: _accepts(port))
        servers = [Server(edge.settings.edge.http_port, edge_paths(edge.settings).folder), Server(port, config.parent)]
        lines = []
        for what, file, accepts in (
            ("playlists", "index.m3u8", "identity"),
            ("playlists, as browsers ask", "index.m3u8", "gzip"),
            ("segments", segment, "identity"),
        ):
            ours, plain = await _in_turns(pool, servers, f"/hls/still_{RUNG}/{file}", accepts)
            ratio = statistics.median(one.hits_s / other.hits_s for one, other in zip(ours, plain, strict=True))
            rate, bits_s, cost_s = (statistics.median(values) for values in zip(*ours, strict=True))
            plain_s = statistics.median(round.cpu_s for round in plain)
            lines.append(
                f"{what}, from one worker, one connection: {rate:.0f} hits/s, {bits_s / 1e9:.2f} Gbit/s; of plain "
                f"nginx's hits: {ratio:.2f} (aim 0.95); CPU of a hit {cost_s * 1e6:.1f} us, of plain nginx "
                f"{plain_s * 1e6:.1f} us ({plain_s / cost_s:.2f})"
            )
        return lines
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


class Round(NamedTuple):
    """One round against one server: hits and bits per second, seconds of CPU that a hit took its workers."""

    hits_s: float
    bits_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Server:
    """An nginx to be compared: its port, and the folder of its configuration."""

    port: int
    folder: Path

    def cpu_s(self) -> float:
        """What its workers have taken so far: unlike hits, this hardly depends on what else the machine does."""
        master = int((self.folder / "nginx.pid").read_text())
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in descendants(master)]
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


async def _in_turns(pool: ProcessPoolExecutor, servers: Sequence[Server], path: str, accepts: str) -> list[list[Round]]:
    loop = asyncio.get_running_loop()
    found: list[list[Round]] = [[] for _ in servers]
    for _ in range(ROUNDS):
        for rounds, server in zip(found, servers, strict=True):
            before_s = server.cpu_s()
            hits_s, bits_s = await loop.run_in_executor(pool, hits, server.port, path, accepts, ROUND_S)
            rounds.append(Round(hits_s, bits_s, (server.cpu_s() - before_s) / (hits_s * ROUND_S)))
    return found


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
