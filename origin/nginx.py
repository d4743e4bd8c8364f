"""The nginx configuration of an origin: one template, whose every value is checked before it gets there."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import jinja2

from origin.paths import OriginPaths, origin_paths
from panocast.errors import UsageError
from panocast.nginx import check, plain_path, worker_user
from panocast.settings import Settings
from panocast.system import rtmp_module

# A segment is cut at the first keyframe after this share of the shortest length: a GOP may be a frame short.
FRAGMENT_SHARE = 0.95


def render(settings: Settings, *, module: Path, user: str | None) -> str:
    """The text of nginx.conf; `user` is whom the workers run as (None: whoever starts nginx).

    Raises UsageError for what nginx could misread: an address that is none, a path with spaces or quotes.
    """
    origin = settings.origin
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("origin"), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("nginx.conf.j2").render(
        role=origin.role,
        module=plain_path(module),
        user=user,
        folder=plain_path(origin_paths(settings.state, origin.role).folder),
        rtmp_listens=_rtmp_listens(_address("bind", settings.bind), origin.rtmp_port),
        http_listen=_listen(_address("origin.http_bind", origin.http_bind), origin.http_port),
        show_port=origin.show_port,
        stat_port=origin.stat_port,
        agent_port=origin.agent_port,
        silent_publisher_ms=round(origin.silent_publisher_s * 1000),
        part_ms=round(origin.part_s * 1000),
        fragment_ms=round(origin.segment_min_s * FRAGMENT_SHARE * 1000),
        window_ms=round(origin.window_s * 1000),
    )


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(key: str, text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise UsageError(f"setting {key} = {text!r}: not an IP address such as 127.0.0.1 or 0.0.0.0") from error


def _listen(address: Address, port: int) -> str:
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _rtmp_listens(address: Address, port: int) -> list[str]:
    """Where encoders come in; the ladder always comes in on loopback."""
    if address.version == 6:
        others = "0.0.0.0" if address.is_unspecified else "127.0.0.1"
        return [f"{_listen(address, port)} ipv6only=on", f"{others}:{port}"]
    if address.is_unspecified or str(address) == "127.0.0.1":
        return [_listen(address, port)]
    return [_listen(address, port), f"127.0.0.1:{port}"]


async def write_config(settings: Settings) -> OriginPaths:
    """Write the configuration where `panocast origin run` expects it, checked by nginx itself.

    Raises UsageError with what nginx says when it refuses.
    """
    paths = origin_paths(settings.state, settings.origin.role)
    module = rtmp_module()
    if module is None:
        raise UsageError("nginx has no RTMP module: install the package libnginx-mod-rtmp (make install does)")
    text = render(settings, module=module, user=worker_user())
    try:
        paths.make()
        fresh = paths.config.with_suffix(".new")
        fresh.write_text(text)
    except OSError as error:
        raise UsageError(f"cannot write to {paths.folder}: {error.strerror}") from error
    await check(fresh)
    fresh.replace(paths.config)
    return paths
