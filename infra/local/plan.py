"""What `panocast up` runs, as values: the ports, each part's settings, and the URLs that come of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infra.local.ports import lan_address
from panocast.settings import Overrides, Settings, load_settings


@dataclass(frozen=True, slots=True)
class Ports:
    """Public ports as chosen, inner ones free ones of this machine."""

    http: int
    rtmp: int
    backup_rtmp: int
    inner: tuple[int, ...]

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
    def settings(self) -> Settings:
        """What all parts share."""
        return self.primary.settings

    def urls(self) -> dict[str, str | int]:
        """What people and scripts need to know, once it runs (the line of `--json`)."""
        web = f"http://localhost:{self.ports.http}"
        return {
            "player": f"{web}/",
            "lan": f"http://{lan_address()}:{self.ports.http}/",
            "live": f"{web}/live.json",
            "catalog": f"{web}/vod/catalog.json",
            "health": f"{web}/healthz",
            "rtmp": f"rtmp://localhost:{self.ports.rtmp}/live",
            "rtmp_backup": f"rtmp://localhost:{self.ports.backup_rtmp}/live",
            "rtmp_test": f"rtmp://localhost:{self.ports.rtmp}/qa",
            "state": str(self.settings.state),
            "http_port": self.ports.http,
            "rtmp_port": self.ports.rtmp,
            "backup_rtmp_port": self.ports.backup_rtmp,
        }


def make_plan(state: Path | None, config: Path | None, ports: Ports, bind: str | None = None) -> Plan:
    """Lay the parts out on `ports`; raises UsageError for settings that are wrong."""
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

    def origin(role: str, rtmp_port: int, inner: tuple[int, ...]) -> Part:
        http_port, agent_port, show_port, stat_port = inner
        return part(
            origin={
                "role": role,
                "rtmp_port": rtmp_port,
                "http_bind": "127.0.0.1",
                "http_port": http_port,
                "agent_port": agent_port,
                "show_port": show_port,
                "stat_port": stat_port,
            }
        )

    primary = origin("primary", ports.rtmp, ports.inner[0:4])
    backup = origin("backup", ports.backup_rtmp, ports.inner[4:8])
    edge = part(
        edge={
            "http_port": ports.http,
            "agent_port": ports.inner[8],
            "primary": f"http://127.0.0.1:{primary.settings.origin.http_port}",
            "backup": f"http://127.0.0.1:{backup.settings.origin.http_port}",
            "ready_file": str(ready_file),
        }
    )
    return Plan(ports, primary, backup, edge, part(), ready_file)
