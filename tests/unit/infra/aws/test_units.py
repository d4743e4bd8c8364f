"""The systemd units of a stack's machines: started again whatever happens, and given the time that leaving takes."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

import pytest

import infra.cli
import transcoder.cli
from infra.aws.artifacts import HERE
from origin.recordings import FLUSH_S
from panocast.cli import run_app
from panocast.settings import Settings
from tests.unit.infra.aws.rendered import templates

UNITS = sorted((HERE / "instance" / "units").glob("*.service"))
# What the group's hook waits for besides the service: leave.sh looks every 5 s, and AWS takes its time to be told.
LOOK_S, TELL_S = 5, 15
TEMPLATES = {"origin": "origin", "edge": "edge", "worker": "transcoding"}


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return parser


def stop_s(role: str) -> int:
    return int(unit(HERE / "instance" / "units" / f"panocast-{role}.service")["Service"]["TimeoutStopSec"])


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_started_again_and_ended_in_order(path: Path) -> None:
    found = unit(path)
    service = found["Service"]
    assert service["Restart"] in ("always", "on-failure")
    assert int(service["RestartSec"]) >= 1
    assert found["Unit"]["StartLimitIntervalSec"] == "0", "systemd would give up after five tries"
    assert service["KillMode"] == "mixed", "children would be signalled past the service that ends them"
    assert int(service["TimeoutStopSec"]) > 0
    if path.stem != "panocast-leave":  # it stops a service, and ends once it has
        assert (service["Restart"], service["User"]) == ("always", "panocast")
    for fence in ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateDevices=yes"):
        key, value = fence.split("=")
        assert service[key] == value
    assert service["CapabilityBoundingSet"] == ""


def test_an_edge_and_an_origin_have_the_time_that_they_ask_for() -> None:
    assert stop_s("edge") >= max(120, Settings().edge.drain_s + 10)
    assert stop_s("origin") >= FLUSH_S + 20  # and its nginx and agent, one after the other


@pytest.mark.parametrize("role", TEMPLATES)
def test_a_group_waits_until_the_service_has_left(role: str) -> None:
    resources = templates()[TEMPLATES[role]]["Resources"]
    assert resources["Leaving"]["Properties"]["HeartbeatTimeout"] >= stop_s(role) + LOOK_S + TELL_S


def test_the_balancer_lets_go_while_an_edge_still_serves() -> None:
    attributes = templates()["edge"]["Resources"]["Targets"]["Properties"]["TargetGroupAttributes"]
    (delay,) = (int(a["Value"]) for a in attributes if a["Key"].startswith("deregistration_delay"))
    assert delay <= Settings().edge.drain_s


@pytest.mark.parametrize("path", [path for path in UNITS if path.stem != "panocast-leave"], ids=lambda path: path.stem)
def test_a_unit_starts_a_command_that_there_is_with_options_that_it_has(path: Path) -> None:
    program, *words = shlex.split(unit(path)["Service"]["ExecStart"])
    app = {"/opt/panocast/bin/panocast": infra.cli.app, "/opt/panocast/bin/transcoder": transcoder.cli.app}[program]
    assert run_app(app, [*words, "--help"]) == 0
    assert run_app(app, [*words, "--no-such-option", "--help"]) == 2
