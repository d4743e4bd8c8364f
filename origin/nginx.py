"""The nginx configuration of an origin: one template, whose every value is checked before it gets there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2

from origin.paths import OriginPaths, origin_paths
from panocast.errors import UsageError
from panocast.feed import WAIT_S
from panocast.nginx import check, listen, plain_path, worker_user
from panocast.settings import Settings
from panocast.system import rtmp_module, stream_module

# A segment is cut at the first keyframe after this share of the shortest length: a GOP may be a frame short.
FRAGMENT_SHARE = 0.95


# How the front shows itself to nginx-rtmp, whoever is behind it: on loopback, and not where our own ffmpeg come from.
FRONT = "127.0.0.2"


def render(settings: Settings, *, modules: Sequence[Path], user: str | None) -> str:
    """The text of nginx.conf; `user` is whom the workers run as (None: whoever starts nginx).

    Raises UsageError for what nginx could misread: a path with spaces or quotes.
    """
    origin = settings.origin
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("origin"), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("nginx.conf.j2").render(
        role=origin.role,
        modules=[plain_path(module) for module in modules],
        user=user,
        folder=plain_path(origin_paths(settings.state, origin.role).folder),
        front=FRONT,
        rtmp_listen=listen(settings.bind, origin.rtmp_port),
        rtmps_listen=listen(settings.bind, origin.rtmps_port) if origin.rtmps_port else None,
        tls_cert=_tls_file("origin.tls_cert", origin.tls_cert) if origin.rtmps_port else None,
        tls_key=_tls_file("origin.tls_key", origin.tls_key) if origin.rtmps_port else None,
        connections=origin.connections,
        connections_per_address=origin.connections_per_address,
        http_listen=listen(origin.http_bind, origin.http_port),
        show_port=origin.show_port,
        stat_port=origin.stat_port,
        agent_port=origin.agent_port,
        silent_publisher_ms=round(origin.silent_publisher_s * 1000),
        part_ms=round(origin.part_s * 1000),
        fragment_ms=round(origin.segment_min_s * FRAGMENT_SHARE * 1000),
        window_ms=round(origin.window_s * 1000),
        own_packager=origin.packager == "panocast",
        feed_wait_s=round(WAIT_S) + 5,
    )


def _tls_file(key: str, path: Path | None) -> str:
    if path is None or not path.is_file():
        told = "is missing" if path is None else f"= {str(path)!r}: there is no such file"
        raise UsageError(f"setting {key} {told}: origin.rtmps_port needs a certificate and its key, each a PEM file")
    return plain_path(path.resolve())


async def write_config(settings: Settings) -> OriginPaths:
    """Write the configuration where `panocast origin run` expects it, checked by nginx itself.

    Raises UsageError with what nginx says when it refuses.
    """
    paths = origin_paths(settings.state, settings.origin.role)
    rtmp = rtmp_module()
    if rtmp is None:
        raise UsageError("nginx has no RTMP module: install the package libnginx-mod-rtmp (make install does)")
    stream = stream_module()
    text = render(settings, modules=[stream, rtmp] if stream else [rtmp], user=worker_user())
    try:
        paths.make()
        fresh = paths.config.with_suffix(".new")
        fresh.write_text(text)
    except OSError as error:
        raise UsageError(f"cannot write to {paths.folder}: {error.strerror}") from error
    await check(fresh)
    fresh.replace(paths.config)
    return paths
