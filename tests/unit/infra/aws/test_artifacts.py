from __future__ import annotations

import io
import tarfile
from pathlib import Path

from edge.config import PLAYER as PLAYER_FOLDER
from infra.aws.artifacts import assemble, lambdas_zip, player_files, templates_prefix
from infra.aws.session_manager import Package

PLAYER = {"index.html": b"<!doctype html>", "vendor/aframe.min.js": b"//"}


def test_the_same_content_is_the_same_artifacts_and_other_content_others(tmp_path: Path) -> None:
    wheel = tmp_path / "panocast-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"one")
    first, again = assemble([wheel], PLAYER), assemble([wheel], PLAYER)
    assert first == again
    wheel.write_bytes(b"two")
    assert assemble([wheel], PLAYER).prefix != first.prefix
    assert assemble([wheel], PLAYER, Package(b"agent").members()).prefix != assemble([wheel], PLAYER).prefix
    assert lambdas_zip() == lambdas_zip()
    assert templates_prefix("a") != templates_prefix("b")


def test_a_machine_finds_everything_it_starts_with(tmp_path: Path) -> None:
    wheel = tmp_path / "panocast-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"one")
    data = io.BytesIO(assemble([wheel], PLAYER, Package(b"agent").members()).files["instance.tar.gz"])
    with tarfile.open(fileobj=data) as archive:
        found = {member.name.removeprefix("panocast-instance/"): member for member in archive.getmembers()}
    units = {f"units/panocast-{role}.service" for role in ("origin", "edge", "worker", "report", "leave")}
    files = {"start.sh", "leave.sh", "metadata.sh", f"wheels/{wheel.name}", "player/index.html"}
    assert units | files | {"amazon-ssm-agent.deb", "amazon-ssm-agent.sha256"} <= set(found)
    assert found["start.sh"].mode & 0o100
    assert all(member.uid == 0 and not member.issym() for member in found.values())


def test_the_player_is_as_lean_as_an_edge_serves_it_and_whole() -> None:
    served = player_files()
    assert {"index.html", "src/main.js", "style.css", "icon.svg"} <= set(served)
    assert b"/**" not in served["src/beacon.js"]
    assert served["index.html"] == (PLAYER_FOLDER / "index.html").read_bytes()
    for name in (PLAYER_FOLDER / "vendor").iterdir():
        assert served[f"vendor/{name.name}"] == name.read_bytes()
