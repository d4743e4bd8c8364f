"""The edge's nginx configuration, as a function of settings."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from panocast.errors import UsageError
from panocast.nginx import plain_path, worker_user
from panocast.settings import Settings

PLAYER = Path(__file__).resolve().parent.parent / "player"


@dataclass(frozen=True, slots=True)
class EdgePaths:
    """Where an edge keeps its own files, below the state directory."""

    folder: Path

    @property
    def config(self) -> Path:
        """The rendered nginx configuration."""
        return self.folder / "nginx.conf"

    def create(self) -> None:
        """Make the folders that nginx expects."""
        for name in ("tmp", "cache", "empty"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)


def edge_paths(settings: Settings) -> EdgePaths:
    """The edge's folder of a state directory."""
    return EdgePaths(settings.state / "edge")


def render_config(settings: Settings, player: Path = PLAYER) -> str:
    """The text of nginx.conf; raises UsageError for an origin URL or a path that cannot stand in it."""
    template = Environment(
        loader=PackageLoader("edge"), undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
    ).get_template("nginx.conf.j2")
    edge = settings.edge
    return template.render(
        folder=plain_path(edge_paths(settings).folder),
        user=worker_user(),
        workers=max(1, min(4, os.cpu_count() or 1)),
        bind=settings.bind,
        http_port=edge.http_port,
        agent_port=edge.agent_port,
        primary=_host_port(edge.primary),
        backup=_host_port(edge.backup) if edge.backup else None,
        cache_mb=edge.cache_mb,
        vod_root=_local_root(settings.egress_url),
        player=plain_path(player),
        player_paths=r"style\.css|icon\.svg|src/[A-Za-z0-9_-]+\.js",
        csp=content_security_policy(player),
    )


def content_security_policy(player: Path) -> str:
    """The policy that the page needs (player/csp.json), with the hashes of A-Frame's styles (vendor/csp.json)."""
    try:
        directives: dict[str, list[str]] = json.loads((player / "csp.json").read_text())["directives"]
        hashes: dict[str, list[str]] = json.loads((player / "vendor" / "csp.json").read_text())
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"the player is not installed ({error}): run `make install`") from error
    parts = []
    for name, sources in directives.items():
        extra = [f"'{value}'" for value in hashes.get(name, [])]
        parts.append(" ".join([name, *sources, *extra]))
    return "; ".join(parts)


def _host_port(url: str) -> str:
    split = urlsplit(url)
    if split.scheme != "http" or not split.hostname or split.path not in ("", "/"):
        raise UsageError(f"an origin is given as http://HOST:PORT, not {url!r} (settings edge.primary, edge.backup)")
    return f"{split.hostname}:{split.port or 80}"


def _local_root(url: str) -> str | None:
    """The folder of a `file://` store, which nginx serves by itself; None for any other store."""
    return plain_path(Path(urlsplit(url).path)) if url.startswith("file://") else None
