"""A small web site around `player/`, with streams made by ffmpeg: what the player's tests look at."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from edge.page import qr_code

PLAYER = Path(__file__).resolve().parents[2] / "player"
PAGE_FILES = ("index.html", "style.css", "icon.svg")
PAGE_FOLDERS = ("src", "vendor")
SIGNED = "/s/1795204800-XXXXXXXXXXXXXXXXXXXXXX"  # what `panocast sign` puts before a path

# Where each colour lies on the sphere, as boxes (x, y, width, height) of a 640 × 320 equirectangular picture: ahead is
# its middle, 90° are a quarter of its width. The rest, behind the viewer, is blue.
CARD = {
    "red": (240, 0, 160, 320),  # ahead
    "lime": (400, 0, 160, 320),  # to the right
    "yellow": (80, 0, 160, 320),  # to the left
    "white": (0, 0, 640, 70),  # above
    "black": (0, 250, 640, 70),  # below
}
BLINKER_YAW_DEG = -30.0  # a patch that is magenta in every odd second and cyan in every even one
CARD_FILTER = ",".join(
    [
        *(f"drawbox=x={x}:y={y}:w={w}:h={h}:color={name}:t=fill" for name, (x, y, w, h) in CARD.items()),
        "drawbox=x=254:y=140:w=26:h=40:color=cyan:t=fill",
        "drawbox=x=254:y=140:w=26:h=40:color=magenta:t=fill:enable='gte(mod(t,2),1)'",
    ]
)


async def run(*argv: str | Path, cwd: Path | None = None) -> None:
    """Runs a command to its end; raises with its last words when it fails."""
    child = await asyncio.create_subprocess_exec(
        *map(str, argv),
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"{argv[0]} failed: {said.decode(errors='replace')[-2000:]}")


def ffmpeg_input(seconds: int, *, picture: str = CARD_FILTER, fps: int = 10) -> list[str]:
    """The card and a tone."""
    source = f"color=blue:size=640x320:rate={fps}:duration={seconds},{picture}"
    tone = f"sine=frequency=440:duration={seconds}"
    return ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-f", "lavfi", "-i", tone]


def x264(fps: int) -> list[str]:
    """One keyframe a second."""
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    return [*encoder, "-g", str(fps), "-keyint_min", str(fps), "-sc_threshold", "0", "-c:a", "aac", "-ac", "1"]


async def make_recording(folder: Path, seconds: int = 12, *, picture: str = CARD_FILTER) -> None:
    """An asset as the transcoder makes it: fMP4, two rungs, audio apart."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    await run(
        *ffmpeg_input(seconds, picture=picture),
        *["-filter_complex", "[0:v]split[a][b];[b]scale=320:160[small]"],
        *["-map", "[a]", "-map", "[small]", "-map", "1:a", *x264(10)],
        *["-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"],
        *["-hls_flags", "independent_segments", "-master_pl_name", "master.m3u8"],
        *["-var_stream_map", "v:0,agroup:sound v:1,agroup:sound a:0,agroup:sound"],
        *["-b:v:0", "500k", "-b:v:1", "200k"],
        "r%v.m3u8",
        cwd=folder,
    )
    await run(*ffmpeg_input(1), "-frames:v", "1", folder / "poster.jpg")


async def make_sound(folder: Path) -> None:
    """An asset without pictures."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    sound = ["-f", "lavfi", "-i", "sine=frequency=440:duration=20", "-c:a", "aac"]
    hls = ["-f", "hls", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4", "-master_pl_name", "master.m3u8"]
    await run("ffmpeg", "-v", "error", *sound, "-b:a", "64k", *hls, "sound.m3u8", cwd=folder)


async def make_fmp4_segments(folder: Path, seconds: int = 150) -> None:
    """One-second fMP4 segments `640-N.m4s` of one rung with `640-init.mp4`, for live playlists."""
    await run(
        *ffmpeg_input(seconds),
        *[*x264(10), "-f", "hls", "-hls_time", "1", "-hls_segment_type", "fmp4", "-hls_playlist_type", "vod"],
        *["-hls_fmp4_init_filename", "640-init.mp4", "-hls_segment_filename", "640-%d.m4s", "640.m3u8"],
        cwd=folder,
    )


async def make_segments(folder: Path, seconds: int = 150) -> None:
    """One-second TS segments `WIDTH-N.ts` of two rungs, for live playlists."""
    segments = [*x264(10), "-f", "segment", "-segment_time", "1", "-segment_format", "mpegts"]
    await run(
        *[*ffmpeg_input(seconds), "-filter_complex", "[0:v]split[large][b];[b]scale=320:-2[small]"],
        *["-map", "[large]", "-map", "1:a", *segments, "640-%d.ts"],
        *["-map", "[small]", "-map", "1:a", *segments, "320-%d.ts"],
        cwd=folder,
    )


@dataclass
class Channel:
    """A live stream that grows by one segment each second while it is on."""

    segments: Path
    window: int = 5
    started_s: float | None = None
    skipped: int = 0
    numbered_from: int = 0
    origin: str = "a"
    codecs: str = "avc1.42c015,mp4a.40.2"
    garbage: bool = False
    over: bool = False
    fmp4: bool = False
    bits_per_s: dict[str, int] = field(default_factory=lambda: {"640": 500_000, "320": 200_000})
    gaps: frozenset[int] = frozenset()
    breaks: frozenset[int] = frozenset()

    def start(self) -> None:
        self.started_s = time.monotonic()

    def stop(self) -> None:
        """The playlist goes away."""
        self.started_s = None

    def freeze(self) -> None:
        """The playlist stays as it is, as a killed origin leaves it."""
        self.skipped, self.started_s = self._newest() - self.window, -1.0

    def fail_over(self) -> None:
        """Another origin goes on: its numbers start anew, its names and timestamps are others."""
        self.skipped, self.numbered_from, self.origin = self._newest() + 20, self._newest() + 20, "b"
        self.start()

    def _newest(self) -> int:
        assert self.started_s is not None
        passed_s = 0.0 if self.started_s < 0 else time.monotonic() - self.started_s
        return self.skipped + self.window + int(passed_s)

    def playlist(self, width: str) -> str:
        newest = self._newest()
        first = newest - self.window
        lines = ["#EXTM3U", "#EXT-X-VERSION:8", "#EXT-X-TARGETDURATION:1"]
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{first - self.numbered_from}")
        if self.fmp4:
            lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{sum(n < first for n in self.breaks)}")
            lines.append(f'#EXT-X-MAP:URI="{width}-init.mp4"')
        for number in range(first, newest):
            if number in self.breaks:
                lines.append("#EXT-X-DISCONTINUITY")
            if number in self.gaps:
                lines.append("#EXT-X-GAP")
            if self.fmp4:
                date = datetime.fromtimestamp(1_795_000_000 + number, UTC)
                lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{date.isoformat()}")
            suffix = "m4s" if self.fmp4 else "ts"
            lines += ["#EXTINF:1.000,", f"{self.origin}-{width}-{number}.{suffix}"]
        return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if self.over else []), ""])

    def place(self, number: int) -> int:
        """Which of the prepared segments a number is: after a break, timestamps go on elsewhere."""
        return number + 30 * sum(b <= number for b in self.breaks)

    def multivariant(self, name: str) -> str:
        lines = ["#EXTM3U"]
        for width, bandwidth in list(self.bits_per_s.items())[: 1 if self.fmp4 else 2]:
            size = f"RESOLUTION={width}x{int(width) // 2}"
            lines.append(f'#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},{size},CODECS="{self.codecs}"')
            lines.append(f"{name}/{width}.m3u8")
        return "\n".join([*lines, ""])


def policy(origins: Sequence[str] = ()) -> str:
    """The Content-Security-Policy as the edge puts it together, with other servers that may be asked."""
    directives: dict[str, list[str]] = json.loads((PLAYER / "csp.json").read_text())["directives"]
    hashes: dict[str, list[str]] = json.loads((PLAYER / "vendor" / "csp.json").read_text())
    for name, values in hashes.items():
        directives[name] += [f"'{value}'" for value in values]
    for name in ("connect-src", "media-src", "img-src"):
        directives[name] += origins
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


@dataclass
class PlayerSite:
    """The page under its strict policy, a live channel, recordings, and what the server lists."""

    media: Path
    channel: Channel
    live: dict[str, Any] = field(default_factory=lambda: {"live": [], "refused": []})
    catalog: dict[str, Any] | None = None
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    down: bool = False
    away: set[str] = field(default_factory=set)
    network_bits_per_s: int = 0
    others: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    beacons: list[str] = field(default_factory=list)
    url: str = ""
    _runner: web.AppRunner | None = None

    def list_live(self, name: str = "event", **more: Any) -> None:
        """Says in /live.json that the channel is live."""
        entry = {"name": name, "url": f"/hls/{name}.m3u8", "since": "2026-11-20T09:00:00Z", "origin": "primary"}
        shape = {"projection": "equirectangular", "stereo": "mono", "rungs": [640, 320], "warnings": []}
        self.live["live"] = [{**entry, **shape, **more}]

    async def start(self) -> None:
        app = web.Application(middlewares=[self._gate])
        app.router.add_get("/", self._page)
        app.router.add_get("/live.json", self._live)
        app.router.add_get("/vod/catalog.json", self._catalog)
        app.router.add_get("/player.json", self._player)
        app.router.add_post("/beacon", self._beacon)
        app.router.add_get("/qr.svg", self._qr)
        for before in ("", SIGNED):
            app.router.add_get(before + "/vod/{name}/{session}/asset.json", self._asset)
            app.router.add_get(before + "/hls/{name}.m3u8", self._multivariant)
            app.router.add_get(before + "/hls/{name}/{width}.m3u8", self._playlist)
            app.router.add_get(before + "/hls/{name}/{origin}-{width}-{number}.ts", self._segment)
            app.router.add_get(before + "/hls/{name}/{origin}-{width}-{number}.m4s", self._fmp4_segment)
            app.router.add_get(before + "/hls/{name}/{width}-init.mp4", self._init)
            app.router.add_static(before + "/vod", self.media)
        for folder in PAGE_FOLDERS:
            app.router.add_static(f"/{folder}", PLAYER / folder)
        for name in PAGE_FILES:
            app.router.add_get(f"/{name}", self._page)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        listener = web.TCPSite(self._runner, "127.0.0.1", 0)
        await listener.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def close(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.down:
            if request.transport:
                request.transport.abort()
            raise web.HTTPServiceUnavailable
        if request.path in self.away:
            raise web.HTTPServiceUnavailable
        response: web.StreamResponse = await handler(request)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    async def _page(self, request: web.Request) -> web.StreamResponse:
        headers = {"Content-Security-Policy": policy(self.others)}
        return web.FileResponse(PLAYER / (request.path.strip("/") or "index.html"), headers=headers)

    async def _live(self, request: web.Request) -> web.Response:
        return web.json_response(self.live)

    async def _catalog(self, request: web.Request) -> web.Response:
        if self.catalog is None:
            raise web.HTTPNotFound
        return web.json_response(self.catalog)

    async def _player(self, request: web.Request) -> web.Response:
        return web.json_response({"origins": self.others, **self.told})

    async def _beacon(self, request: web.Request) -> web.Response:
        self.beacons.append(await request.text())
        return web.Response(status=204)

    async def _qr(self, request: web.Request) -> web.Response:
        return web.Response(body=qr_code(self.told["url"]), content_type="image/svg+xml")

    async def _asset(self, request: web.Request) -> web.Response:
        asset = self.assets.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        return web.json_response(asset)

    def _on(self) -> Channel:
        if self.channel.started_s is None:
            raise web.HTTPNotFound
        return self.channel

    async def _multivariant(self, request: web.Request) -> web.Response:
        return _m3u8(self._on().multivariant(request.match_info["name"]))

    async def _playlist(self, request: web.Request) -> web.Response:
        return _m3u8(self._on().playlist(request.match_info["width"]))

    async def _segment(self, request: web.Request) -> web.StreamResponse:
        if self.channel.garbage:
            return web.Response(body=bytes(range(256)) * 400, content_type="video/mp2t")
        wanted = request.match_info
        made = len(list(self.channel.segments.glob("640-*.ts")))
        path = self.channel.segments / f"{wanted['width']}-{int(wanted['number']) % made}.ts"
        if self.network_bits_per_s:
            return await self._trickle(request, path.read_bytes(), self.channel.bits_per_s[wanted["width"]])
        return web.FileResponse(path, headers={"Content-Type": "video/mp2t"})

    async def _trickle(self, request: web.Request, segment: bytes, bits_per_s: int) -> web.StreamResponse:
        """Answers as slowly as the network is, with a segment of a second that is as large as its playlist says."""
        nothing = b"\x47\x1f\xff\x10" + bytes(184)
        segment += nothing * ((bits_per_s // 8 - len(segment)) // len(nothing))
        response = web.StreamResponse(headers={"Content-Type": "video/mp2t", "Content-Length": str(len(segment))})
        await response.prepare(request)
        piece = self.network_bits_per_s // 8 // 20
        for at in range(0, len(segment), piece):
            await asyncio.sleep(1 / 20)
            await response.write(segment[at : at + piece])
        return response

    async def _fmp4_segment(self, request: web.Request) -> web.StreamResponse:
        number = int(request.match_info["number"])
        if number in self.channel.gaps:
            raise web.HTTPNotFound
        made = len(list(self.channel.segments.glob("640-*.m4s")))
        return web.FileResponse(self.channel.segments / f"640-{self.channel.place(number) % made}.m4s")

    async def _init(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(self.channel.segments / "640-init.mp4")


def _m3u8(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/vnd.apple.mpegurl")


async def install_player(*options: str) -> None:
    """Fills player/vendor; instant when it is filled already."""
    node = shutil.which("node")
    assert node, "node is missing: run make install"
    await run(node, PLAYER / "install.mjs", *options)
