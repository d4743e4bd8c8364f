from __future__ import annotations

import io
import tarfile
from pathlib import Path

from infra.aws.artifacts import assemble, lambdas_zip, templates_prefix
from infra.aws.session_manager import members

PLAYER = {"index.html": b"<!doctype html>", "vendor/aframe.min.js": b"//"}


def test_the_same_content_is_the_same_artifacts_and_other_content_others(tmp_path: Path) -> None:
    wheel = tmp_path / "panocast-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"one")
    first, again = assemble([wheel], PLAYER), assemble([wheel], PLAYER)
    assert first == again
    wheel.write_bytes(b"two")
    assert assemble([wheel], PLAYER).prefix != first.prefix
    assert assemble([wheel], PLAYER, members(b"agent")).prefix != assemble([wheel], PLAYER).prefix
    assert lambdas_zip() == lambdas_zip()
    assert templates_prefix("a") != templates_prefix("b")


def test_a_machine_finds_everything_it_starts_with(tmp_path: Path) -> None:
    wheel = tmp_path / "panocast-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"one")
    data = io.BytesIO(assemble([wheel], PLAYER, members(b"agent")).files["instance.tar.gz"])
    with tarfile.open(fileobj=data) as archive:
        found = {member.name.removeprefix("panocast-instance/"): member for member in archive.getmembers()}
    units = {f"units/panocast-{role}.service" for role in ("origin", "edge", "worker", "report", "leave")}
    files = {"start.sh", "leave.sh", "metadata.sh", f"wheels/{wheel.name}", "player/index.html"}
    assert units | files | {"amazon-ssm-agent.deb", "amazon-ssm-agent.sha256"} <= set(found)
    assert found["start.sh"].mode & 0o100
    assert all(member.uid == 0 and not member.issym() for member in found.values())
