"""Settings: one TOML file, every key overridable by environment (`PANOCAST_ORIGIN__RTMP_PORT`), checked at start.

Read at entry points only; functions get the narrow values they need.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from panocast.errors import UsageError
from panocast.fence import FenceMode
from panocast.layout import STREAM_NAME
from panocast.projection import HalfTurn, Orientation, Projection, QuarterTurn, Stereo
from panocast.queue import queue_file_url


def _origin_url(url: str) -> str:
    split = urlsplit(url)
    # A port that is no port is a ValueError of its own.
    if url.removesuffix("/") != f"http://{split.netloc}" or not split.hostname or split.port == 0:
        raise ValueError("an origin is given as http://HOST:PORT")
    return url


def _with_a_port(url: str) -> str:
    if urlsplit(url).port == 0:  # one that is no port at all is a ValueError of its own
        raise ValueError("0 is no port")
    return url


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError("not an IP address such as 127.0.0.1 or 0.0.0.0") from error
    if "%" in text:
        raise ValueError("nginx listens on no address of one link alone")
    return str(address)


Port = Annotated[int, Field(ge=1, le=65535)]
Address = Annotated[str, AfterValidator(_address)]
OriginUrl = Annotated[str, AfterValidator(_origin_url)]
PushUrl = Annotated[str, Field(pattern=r"^rtmps?://[A-Za-z0-9.:\[\]-]+/live$"), AfterValidator(_with_a_port)]
PublicUrl = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+/?$"), AfterValidator(_with_a_port)]
StreamNameText = Annotated[str, StringConstraints(pattern=f"^{STREAM_NAME.pattern}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OriginSettings(_Section):
    """One origin. RTMP and RTMPS are public, HTTP for this machine or a private network, every other port for this
    machine alone."""

    role: Literal["primary", "backup"] = "primary"
    rtmp_port: Port = 1935
    # RTMP over TLS, where there is a port for it.
    rtmps_port: Port | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # What encoders, and whoever else comes to the public ports, may open at once.
    connections: Annotated[int, Field(ge=1, le=1000)] = 500
    connections_per_address: Annotated[int, Field(ge=1, le=1000)] = 50
    http_bind: Address = "127.0.0.1"
    http_port: Port = 8081
    agent_port: Port = 8082
    stat_port: Port = 8084
    show_port: Port = 1937
    part_s: Annotated[float, Field(ge=2, le=600)] = 30.0
    segment_min_s: Annotated[float, Field(ge=0.5, le=4)] = 1.0
    # At ten minutes, reading a feed takes some 3 ms, five times for each segment; at an hour it would be 20.
    window_s: Annotated[float, Field(ge=6, le=600)] = 30.0
    silent_publisher_s: Annotated[float, Field(ge=2, le=120)] = 10.0
    packager: Literal["panocast", "nginx-rtmp"] = "panocast"
    # How long the encoder may be away and still go on with the same live playlists.
    grace_s: Annotated[float, Field(ge=0, le=3600)] = 60.0
    # The other origin's HTTP, for one timeline on both.
    peer: OriginUrl | None = None
    # Where the primary publishes on what is published to it alone.
    push_to: PushUrl | None = None
    # Less room than this for recordings is an alarm.
    disk_low_mb: Annotated[int, Field(ge=0)] = 2048
    # With less, nothing is recorded until there is twice as much.
    disk_full_mb: Annotated[int, Field(ge=0)] = 256
    fence: FenceMode = "auto"


class EdgeSettings(_Section):
    """The edge: the public HTTP port, its agent's own port, and the origins it takes live streams from."""

    http_port: Port = 8080
    # HTTPS besides HTTP, with this certificate and key (PEM).
    https_port: Port | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # Where viewers reach this edge, such as https://video.example.org: the library shows it as a QR code.
    public_url: PublicUrl | None = None
    agent_port: Port = 8083
    primary: OriginUrl = "http://127.0.0.1:8081"
    backup: OriginUrl | None = None
    cache_mb: Annotated[int, Field(ge=16, le=1_000_000)] = 1024
    # How live streams come from the origins: mirrored by the agent, or, from origins whose packager is nginx-rtmp,
    # proxied.
    live: Literal["mirror", "proxy"] = "mirror"
    live_folder: Path | None = None
    # The preferred origin is used again once it has been well for so long.
    back_s: Annotated[float, Field(ge=1, le=600)] = 15.0
    # A stream that nobody watches is mirrored no more after so long.
    idle_s: Annotated[float, Field(ge=2, le=3600)] = 30.0
    signed: bool = False
    connections_per_address: Annotated[int, Field(ge=1)] = 4000
    requests_per_address_s: Annotated[int, Field(ge=1)] = 5000
    # When the edge is told to stop: how long it still takes viewers in, and how long it takes to stop in all, at most.
    leave_s: Annotated[float, Field(ge=0, le=100)] = 5.0
    drain_s: Annotated[float, Field(ge=1, le=600)] = 110.0
    target_group_arn: str | None = None
    # Other servers whose streams the player may open; the page's policy names them.
    player_origins: tuple[Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")], ...] = ()
    # Whether players tell, without a name, how well they play; and where their viewers look.
    beacons: bool = True
    viewing_directions: bool = False
    # Where the player's files are, when not beside this code.
    player: Path | None = None
    # Where set, /healthz says 503 until this file exists: `panocast up` makes it once everything runs.
    ready_file: Path | None = None


class TranscoderSettings(_Section):
    """The worker: times in seconds; `tries` counts failures before a job is set aside."""

    # None: one job for each core, as far as the memory goes.
    concurrency: Annotated[int | None, Field(ge=1, le=64)] = None
    visibility_s: Annotated[float, Field(ge=2, le=600)] = 30.0
    tries: Annotated[int, Field(ge=1, le=20)] = 4
    retry_s: Annotated[float, Field(ge=0, le=900)] = 5.0
    patience_s: Annotated[float, Field(ge=0, le=86_400)] = 900.0
    yielding: bool = True
    # How many parts all workers together encode at once: an upload is cut into three for each, of 10 to 60 s.
    fleet_slots: Annotated[int, Field(ge=1, le=10_000)] = 8
    # The length of an upload's parts, instead of the one that follows from its duration.
    part_s: Annotated[float | None, Field(ge=1, le=600)] = None
    segment_s: Annotated[float, Field(ge=0.5, le=10)] = 2.0
    # Without one, each rung has its own (transcoder/effort.py).
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"] | None = None
    crf: Annotated[float, Field(ge=10, le=40)] = 23.0
    max_pixels: Annotated[int, Field(ge=10_000)] = 8192 * 8192
    metrics_port: Port | None = None
    metrics_bind: str = "127.0.0.1"
    price_per_vcpu_hour: Annotated[float | None, Field(ge=0)] = None
    # Where set, the worker asks this group not to choose its machine while jobs run on it.
    auto_scaling_group: str | None = None
    max_duration_s: Annotated[float, Field(ge=1)] = 24 * 3600.0
    # The most that one ffmpeg may take; what a job needs is reckoned from its pictures, these are the ceilings.
    cpu_limit_s: Annotated[int, Field(ge=10)] = 6 * 3600
    memory_limit_mb: Annotated[int, Field(ge=256)] = 16_384
    fence: FenceMode = "auto"
    # A job that would leave less room on a disk waits. Recording begins again with twice origin.disk_full_mb.
    disk_free_mb: Annotated[int, Field(ge=0)] = 512


class StreamSettings(_Section):
    """What a stream's pictures are, where the stream itself does not say, and which of its keys is valid."""

    title: str | None = None
    key_generation: Annotated[int, Field(ge=1)] = 1
    projection: Projection | None = None
    stereo: Stereo | None = None
    yaw_deg: HalfTurn = 0.0
    pitch_deg: QuarterTurn = 0.0
    roll_deg: HalfTurn = 0.0

    @property
    def orientation(self) -> Orientation:
        """How the camera is turned."""
        return Orientation(self.yaw_deg, self.pitch_deg, self.roll_deg)


class Settings(BaseSettings):
    """Everything that can be set. `state` is where all of it lives on this machine."""

    model_config = SettingsConfigDict(
        env_prefix="PANOCAST_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    state: Path = Path("var")
    bind: Address = "0.0.0.0"
    # This machine is one of EC2's: Spot notices are waited for even while its metadata service is silent.
    on_ec2: bool = False
    ingest: str = ""
    egress: str = ""
    queue: str = ""
    origin: OriginSettings = OriginSettings()
    edge: EdgeSettings = EdgeSettings()
    transcoder: TranscoderSettings = TranscoderSettings()
    streams: dict[StreamNameText, StreamSettings] = {}

    @property
    def ingest_url(self) -> str:
        """The ingest store; a folder of the state directory where none is set."""
        return self.ingest or (self.state.absolute() / "ingest").as_uri()

    @property
    def egress_url(self) -> str:
        """The egress store; a folder of the state directory where none is set."""
        return self.egress or (self.state.absolute() / "egress").as_uri()

    @property
    def queue_url(self) -> str:
        """The queue; a file of the state directory where none is set."""
        return self.queue or queue_file_url(self.state.absolute() / "queue.db")

    @property
    def secret_path(self) -> Path:
        """The file that holds the stream-key secret."""
        return self.state / "secret"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


Overrides = Mapping[str, str | Mapping[str, str | int]]


def load_settings(
    state: Path | None = None, config: Path | None = None, overrides: Overrides | None = None
) -> Settings:
    """The settings of a state directory (default: `PANOCAST_STATE`, then `var`) and its panocast.toml, or `config`
    (default: `PANOCAST_CONFIG`); `overrides` are stronger than both file and environment.

    Raises UsageError that names the key, the value and what is allowed.
    """
    try:
        where = _Where()
        chosen = (state or where.state).resolve()
        config = config or where.config
        file = config or chosen / "panocast.toml"
        if config is not None and not config.is_file():
            raise UsageError(f"there is no settings file {config}")

        class FromFile(Settings):
            model_config = SettingsConfigDict(toml_file=file)

        return FromFile(**{"state": chosen, **(overrides or {})})  # type: ignore[arg-type]
    except ValidationError as error:
        raise UsageError("; ".join(_explain(e["loc"], e["input"], e["msg"]) for e in error.errors())) from error
    except SettingsError as error:
        raise UsageError(_explain_json(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the settings file {file} is not TOML: {error}") from error
    except OSError as error:
        raise UsageError(f"cannot read the settings: {error}") from error


class _Where(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PANOCAST_", extra="ignore")

    state: Path = Path("var")
    config: Path | None = None


def as_environment(overrides: Overrides) -> dict[str, str]:
    """The environment that gives a child process the same overrides."""
    variables: dict[str, str] = {}
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            variables |= {f"PANOCAST_{key}__{inner}".upper(): str(text) for inner, text in value.items()}
        else:
            variables[f"PANOCAST_{key}".upper()] = str(value)
    return variables


def _explain(location: tuple[int | str, ...], value: object, message: str) -> str:
    return f"setting {'.'.join(str(part) for part in location)} = {value!r}: {message}"


def _explain_json(error: SettingsError) -> str:
    """pydantic names the section only; the JSON that it could not read tells the variable."""
    text = getattr(error.__cause__, "doc", "")
    names = [name for name, value in os.environ.items() if name.upper().startswith("PANOCAST_") and value == text]
    example = 'lists and tables are given as JSON, such as ["a", "b"] or {"a": {"b": 1}}'
    return f"setting {' or '.join(names)} = {text!r}: {example}" if names else f"{error}: {example}"
