"""What `panocast up` runs, as values: the ports, each part's settings, and the URLs that come of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infra.local.certificate import Files
from infra.local.ports import LOOPBACK, in_url, own_address, public_address
from panocast.settings import Overrides, Settings, load_settings


@dataclass(frozen=True, slots=True)
class Ports:
    """Public ports as chosen, inner ones free ones of this machine."""

    http: int
    rtmp: int
    backup_rtmp: int
    inner: tuple[int, ...]
    https: int | None = None

    INNER = 9


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the platform: its settings, and the overrides that give its processes the same ones."""

    settings: Settings
    overrides: Overrides


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything `up` needs to know before it starts anything."""

    ports: Ports
    primary: Part
    backup: Part
    edge: Part
    worker: Part
    ready_file: Path

    @property
    def own_certificate(self) -> bool:
        """Whether HTTPS has a certificate that this machine made, and that nobody vouches for."""
        certificate = self.edge.settings.edge.tls_cert
        return certificate is not None and certificate.parent == own_folder(self.settings.state)

    @property
    def settings(self) -> Settings:
        """What all parts share."""
        return self.primary.settings

    @property
    def address(self) -> str:
        """Where this machine itself reaches the public ports."""
        return own_address(self.settings.bind)

    def public_url(self) -> str | None:
        """Where other devices on the network find the library now: by HTTPS where there is any, for their sensors need
        it. None where none of them does."""
        return _public_url(self.settings.bind, self.ports)

    def urls(self) -> dict[str, str | int]:
        """What people and scripts need to know, once it runs (the line of `--json`)."""
        host = "localhost" if self.address == LOOPBACK else in_url(self.address)
        web, rtmp = f"http://{host}:{self.ports.http}", f"rtmp://{host}:{self.ports.rtmp}"
        secure = {"player_https": f"https://{host}:{self.ports.https}/"} if self.ports.https else {}
        return {
            "player": f"{web}/",
            **secure,
            "lan": self.public_url() or f"{web}/",
            "live": f"{web}/live.json",
            "catalog": f"{web}/vod/catalog.json",
            "health": f"{web}/healthz",
            "rtmp": f"{rtmp}/live",
            "rtmp_backup": f"rtmp://{host}:{self.ports.backup_rtmp}/live",
            "rtmp_test": f"{rtmp}/qa",
            "state": str(self.settings.state),
            "http_port": self.ports.http,
            "rtmp_port": self.ports.rtmp,
            "backup_rtmp_port": self.ports.backup_rtmp,
        }


def own_folder(state: Path) -> Path:
    """Where this machine's own certificate is kept."""
    return state / "tls"


def _public_url(bind: str, ports: Ports) -> str | None:
    address = public_address(bind)
    if address is None:
        return None
    host = in_url(address)
    return f"https://{host}:{ports.https}/" if ports.https else f"http://{host}:{ports.http}/"


def make_plan(
    state: Path | None, config: Path | None, ports: Ports, bind: str | None = None, tls: Files | None = None
) -> Plan:
    """Lay the parts out on `ports`, HTTPS with `tls`; raises UsageError for settings that are wrong."""
    shared: dict[str, str] = {"bind": bind} if bind else {}
    if config:
        config = config.resolve()
    settings = load_settings(state, config, shared)
    ready_file = settings.state / "ready"

    def part(**sections: dict[str, str | int]) -> Part:
        overrides: dict[str, str | dict[str, str | int]] = {**shared, **sections}
        loaded = load_settings(settings.state, config, overrides)
        inherited = {"state": str(settings.state), **({"config": str(config)} if config else {})}
        return Part(loaded, {**inherited, **overrides})

    def origin(role: str, rtmp_port: int, inner: tuple[int, ...], peer: int) -> Part:
        http_port, agent_port, show_port, stat_port = inner
        rtmps_port = settings.origin.rtmps_port
        return part(
            origin={
                "role": role,
                "rtmp_port": rtmp_port,
                "http_bind": "127.0.0.1",
                "http_port": http_port,
                "agent_port": agent_port,
                "show_port": show_port,
                "stat_port": stat_port,
                "peer": f"http://127.0.0.1:{peer}",
                **({"rtmps_port": rtmps_port + (role == "backup")} if rtmps_port else {}),
            }
        )

    primary = origin("primary", ports.rtmp, ports.inner[0:4], peer=ports.inner[4])
    backup = origin("backup", ports.backup_rtmp, ports.inner[4:8], peer=ports.inner[0])
    web: dict[str, str | int] = {}
    if ports.https and tls:
        web = {"https_port": ports.https, "tls_cert": str(tls.certificate), "tls_key": str(tls.key)}
    if settings.edge.public_url is None and (url := _public_url(settings.bind, ports)):
        web["public_url"] = url
    edge = part(
        edge={
            **web,
            "http_port": ports.http,
            "agent_port": ports.inner[8],
            "primary": f"http://127.0.0.1:{primary.settings.origin.http_port}",
            "backup": f"http://127.0.0.1:{backup.settings.origin.http_port}",
            "ready_file": str(ready_file),
            # There is nothing to mirror where nginx-rtmp packages.
            "live": "proxy" if settings.origin.packager == "nginx-rtmp" else settings.edge.live,
        }
    )
    return Plan(ports, primary, backup, edge, part(), ready_file)
