"""The edge's nginx configuration, as a function of settings."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from edge.addresses import Resolve, address_of
from edge.beacons import LARGEST
from panocast.errors import UsageError
from panocast.feed import FILE_NAME
from panocast.layout import SESSION_ID, STREAM_NAME, inner
from panocast.nginx import listen, plain_path, worker_user
from panocast.settings import EdgeSettings, Settings
from panocast.store import local_folder

PLAYER = Path(__file__).resolve().parent.parent / "player"


@dataclass(frozen=True, slots=True)
class EdgePaths:
    """Where an edge keeps its own files, below the state directory."""

    folder: Path

    @property
    def config(self) -> Path:
        """The rendered nginx configuration."""
        return self.folder / "nginx.conf"

    @property
    def beacons(self) -> Path:
        """What viewers' players told, as JSON lines."""
        return self.folder / "beacons.jsonl"

    @property
    def page(self) -> Path:
        """The player's own files as they are served."""
        return self.folder / "page"

    @property
    def qr_code(self) -> Path:
        """The public URL as a picture."""
        return self.folder / "qr.svg"

    @property
    def site(self) -> Path:
        """What the page is told of its server."""
        return self.folder / "player.json"

    @property
    def live(self) -> Path:
        """Where mirrored streams stand, unless a setting says otherwise."""
        return self.folder / "live"

    def create(self) -> None:
        """Make the folders that nginx expects."""
        for name in ("tmp", "cache", "empty"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)


def edge_paths(settings: Settings) -> EdgePaths:
    """The edge's folder of a state directory."""
    return EdgePaths(settings.state / "edge")


def live_folder(settings: Settings) -> Path:
    """Where mirrored streams stand: better in memory than on a disk, but a disk will do."""
    return settings.edge.live_folder or edge_paths(settings).live


def render_config(
    settings: Settings, player: Path = PLAYER, playback_secret: str | None = None, resolve: Resolve = address_of
) -> str:
    """The text of nginx.conf; raises UsageError for a path that cannot stand in it. With a `playback_secret`
    (edge/signing.py) live streams and assets play from signed URLs only."""
    template = Environment(
        loader=PackageLoader("edge"), undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    ).get_template("nginx.conf.j2")
    edge = settings.edge
    return template.render(
        name=STREAM_NAME.pattern,
        file=FILE_NAME.pattern,
        session=inner(SESSION_ID),
        folder=plain_path(edge_paths(settings).folder),
        user=worker_user(),
        workers=max(1, min(4, os.cpu_count() or 1)),
        listen=listen(settings.bind, edge.http_port),
        agent_port=edge.agent_port,
        primary=_server(edge.primary, resolve),
        backup=_server(edge.backup, resolve) if edge.backup else None,
        cache_mb=edge.cache_mb,
        mirror=edge.live == "mirror",
        live=plain_path(live_folder(settings)),
        playback_secret=playback_secret,
        drain_s=round(edge.drain_s),
        connections_per_address=edge.connections_per_address,
        requests_per_address_s=edge.requests_per_address_s,
        vod_root=plain_path(vod_root) if (vod_root := local_folder(settings.egress_url)) else None,
        page=plain_path(edge_paths(settings).page),
        player=plain_path(player),
        player_paths=r"style\.css|icon\.svg|src/[A-Za-z0-9_-]+\.js",
        csp=content_security_policy(player, edge.player_origins),
        beacons=edge.beacons,
        largest_beacon=LARGEST,
        tls=_tls(settings.bind, edge),
    )


def content_security_policy(player: Path, origins: Sequence[str] = ()) -> str:
    """The policy that the page needs (player/csp.json), with the hashes of A-Frame's styles (vendor/csp.json), and with
    the other servers whose media it may open."""
    try:
        directives: dict[str, list[str]] = json.loads((player / "csp.json").read_text())["directives"]
        hashes: dict[str, list[str]] = json.loads((player / "vendor" / "csp.json").read_text())
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"the player is not installed ({error}): run `make install`") from error
    parts = []
    for name, sources in directives.items():
        extra = [f"'{value}'" for value in hashes.get(name, [])]
        extra += origins if name in ("connect-src", "media-src", "img-src") else ()
        parts.append(" ".join([name, *sources, *extra]))
    return "; ".join(parts)


def _tls(bind: str, edge: EdgeSettings) -> dict[str, str | int] | None:
    """What the HTTPS listener needs, None where there is none to be."""
    if edge.https_port is None:
        return None
    for name, path in (("edge.tls_cert", edge.tls_cert), ("edge.tls_key", edge.tls_key)):
        if path is None or not path.is_file():
            raise UsageError(f"edge.https_port needs a certificate and its key: {name} is {path or 'not set'}")
    return {
        "listen": listen(bind, edge.https_port),
        "cert": plain_path(Path(edge.tls_cert or "").resolve()),
        "key": plain_path(Path(edge.tls_key or "").resolve()),
    }


def origin_hosts(edge: EdgeSettings) -> list[str]:
    """The hosts of the origins, as the settings name them."""
    return [urlsplit(url).hostname or "" for url in (edge.primary, edge.backup) if url]


def _server(url: str, resolve: Resolve) -> str:
    split = urlsplit(url)
    address = resolve(split.hostname or "")
    return f"{address}:{split.port or 80}" if address else "127.0.0.1:1 down"
