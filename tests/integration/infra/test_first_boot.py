"""What a machine does at its first boot: user data by cloud-init's own schema, scripts by shellcheck, units by systemd,
and start.sh itself with stand-ins for what is not here (aws, systemctl, ...)."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from infra.aws.artifacts import HERE as AWS
from infra.aws.rendering import render_templates
from infra.aws.session_manager import NAME, Package
from infra.aws.template import parse
from panocast.settings import load_settings
from tests.imds import metadata_server
from tests.integration.infra.user_data import ROLES, VALUES, user_data, write_files
from tests.waiting import eventually

pytestmark = pytest.mark.slow

INSTANCE = AWS / "instance"
USER_DATA_BYTES = 16 * 1024


@pytest.fixture(scope="module")
def cloud_init_schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The schema of Debian's own cloud-init, out of its package; it is not installed."""
    folder = tmp_path_factory.mktemp("cloud-init")
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        pytest.skip("no apt-get here: Debian's cloud-init cannot be had")
    try:
        fetched = subprocess.run(
            ["apt-get", "download", "-q", "cloud-init"], cwd=folder, capture_output=True, text=True, timeout=120
        )
    except subprocess.TimeoutExpired:
        pytest.skip("Debian's cloud-init cannot be fetched: its server does not answer")
    packages = list(folder.glob("cloud-init_*.deb"))
    if not packages:
        pytest.skip(f"Debian's cloud-init cannot be fetched: {fetched.stderr.strip()[-200:]}")
    subprocess.run(["dpkg", "-x", str(packages[0]), str(folder / "x")], check=True, timeout=60)
    (schema,) = (folder / "x").rglob("schema-cloud-config-v1.json")
    return json.loads(schema.read_text())


@pytest.mark.parametrize("role", ROLES)
def test_user_data_is_what_cloud_init_takes(role: str, cloud_init_schema: Any) -> None:
    text = user_data(role)
    assert text.startswith("#cloud-config\n")
    assert len(text.encode()) < USER_DATA_BYTES
    jsonschema.validate(yaml.safe_load(text), cloud_init_schema)
    known = {key for part in cloud_init_schema["$defs"].values() for key in part.get("properties", {})}
    assert set(yaml.safe_load(text)) <= known  # the schema itself lets others pass
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**yaml.safe_load(text), "packages": 1}, cloud_init_schema)


@pytest.mark.parametrize("role", ROLES)
def test_the_settings_in_user_data_are_ours(role: str, tmp_path: Path) -> None:
    files = write_files(user_data(role), tmp_path)
    settings = load_settings(tmp_path / "state", files["panocast.toml"])
    assert settings.on_ec2, "a silent start would cost it its Spot notices"
    if role == "origin":
        assert (settings.origin.role, settings.origin.peer) == ("primary", "http://backup.panocast.internal:8081")
    if role == "edge":
        assert settings.edge.backup == "http://backup.panocast.internal:8081"
        assert str(settings.edge.player) == "/opt/panocast-instance/player"
        assert not settings.edge.signed
        files = write_files(user_data(role, VALUES | {"SignedPlayback": "yes"}), tmp_path)
        assert load_settings(tmp_path / "state", files["panocast.toml"]).edge.signed
    if role == "worker":
        assert settings.queue.startswith("https://sqs.")
        assert settings.transcoder.auto_scaling_group == "panocast-Part-1ABC-group"


@pytest.mark.parametrize("role", ROLES)
def test_shellcheck_finds_nothing_in_what_user_data_runs(role: str, tmp_path: Path) -> None:
    files = write_files(user_data(role), tmp_path)
    shellcheck(files["begin.sh"], "--exclude=SC1091", "--shell=sh")


@pytest.mark.parametrize("name", ["start.sh", "leave.sh", "metadata.sh"])
def test_shellcheck_finds_nothing_in_what_machines_run(name: str) -> None:
    # Not followed: stack.env, which the stack writes, and metadata.sh, which is checked by itself.
    shellcheck(INSTANCE / name, "--exclude=SC1091,SC2154", "--shell=sh")


@pytest.mark.parametrize(
    ("template", "kind", "where"),
    [
        ("batch", "JobDefinition", ("ContainerProperties",)),
        ("test-source", "Task", ("ContainerDefinitions", 0)),
    ],
)
def test_shellcheck_finds_nothing_in_what_containers_run(
    template: str, kind: str, where: tuple[str | int, ...], tmp_path: Path
) -> None:
    texts = render_templates(csp="", template_url=lambda name: name)
    found: Any = parse(texts[template])["Resources"][kind]["Properties"]
    for key in where:
        found = found[key]
    shell, flag, text = found["Command"]
    assert (shell, flag) == ("sh", "-c")
    script = tmp_path / "script.sh"
    script.write_text(text)
    # SC2154: what the task's environment says.
    shellcheck(script, "--exclude=SC2154", "--shell=sh")


def shellcheck(script: Path, *options: str) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "shellcheck"), *options, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("unit", sorted(path.name for path in (INSTANCE / "units").glob("*.service")))
def test_systemd_takes_the_units(unit: str, tmp_path: Path) -> None:
    text = (INSTANCE / "units" / unit).read_text()
    # On this machine there is no /opt/panocast: the programs are looked for where there are some.
    for program in ("panocast", "transcoder"):
        text = text.replace(f"/opt/panocast/bin/{program} ", "/bin/true ")
    text = text.replace("/etc/panocast/stack.env", "-/etc/panocast/stack.env")
    (tmp_path / unit).write_text(text)
    done = verify(tmp_path / unit)
    assert done.returncode == 0, done.stderr
    assert not complaints(done.stderr, unit), done.stderr
    (tmp_path / unit).write_text(text.replace("NoNewPrivileges=yes", "NoNewPrivilege=yes"))
    assert complaints(verify(tmp_path / unit).stderr, unit)


def verify(unit: Path) -> subprocess.CompletedProcess[str]:
    argv = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def complaints(text: str, unit: str) -> list[str]:
    return [line for line in text.splitlines() if unit in line]


STAND_INS = {
    "aws": 'echo "aws $*" >>"$CALLS"; case "$*" in *"$REFUSED"*) exit 254 ;; '
    """*keys.json*) echo '{"my-event": 2}' ;; *get-parameter*) echo a-very-secret-secret ;; esac""",
    "systemctl": 'echo "systemctl $*" >>"$CALLS"',
    "useradd": "exit 0",
    "id": "exit 0",
    "chown": "exit 0",
    "python3": 'mkdir -p "$3/bin" && for p in pip panocast; do printf \'%s\\n\' "#!/bin/sh" '
    '"echo $p \\"\\$*\\" >>$CALLS" "exit ${READY:-0}" >"$3/bin/$p"; chmod +x "$3/bin/$p"; done',
    "install": 'for last; do :; done; case "$*" in *-d*) mkdir -p "$last" ;; *) exit 0 ;; esac',
    "sleep": "exit 0",
    "dpkg": 'echo "dpkg $*" >>"$CALLS"',
}


async def started(
    tmp_path: Path, role: str, *, agent: bytes | None = None, ready: bool = True, refused: str = "nothing"
) -> tuple[int, list[str]]:
    """Run start.sh with stand-ins, its folders below tmp_path; gives its exit code and what it called."""
    bin_folder, instance = tmp_path / "bin", tmp_path / "instance"
    bin_folder.mkdir()
    for name, text in STAND_INS.items():
        (bin_folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (bin_folder / name).chmod(0o755)
    shutil.copytree(INSTANCE, instance)
    files = write_files(user_data(role), tmp_path)
    for name in ("start.sh", "metadata.sh"):
        text = (instance / name).read_text()
        for path, here in (
            ("/etc/panocast/stack.env", files["stack.env"]),
            ("/var/lib/panocast", tmp_path / "state"),
            ("VENV=/opt/panocast", f"VENV={tmp_path}/venv"),
        ):
            text = text.replace(path, str(here))
        (instance / name).write_text(text)
    if agent is not None:
        for name, data in Package(b"the agent").members().items():
            (instance / name).write_bytes(data)
        (instance / NAME).write_bytes(agent)
    calls = tmp_path / "calls"
    async with metadata_server() as metadata:
        metadata.says["local-ipv4"] = "10.70.0.9"
        process = await asyncio.create_subprocess_exec(
            "sh",
            str(instance / "start.sh"),
            env={
                **metadata.environment,
                "PATH": f"{bin_folder}:{os.environ['PATH']}",
                "CALLS": str(calls),
                "READY": "0" if ready else "1",
                "REFUSED": refused,
            },
        )
        code = await asyncio.wait_for(process.wait(), 60)
    return code, calls.read_text().splitlines()


async def test_an_origin_takes_its_secret_its_address_and_its_name_and_says_that_it_is_up(tmp_path: Path) -> None:
    code, calls = await started(tmp_path, "origin")
    assert code == 0, calls
    said = "\n".join(calls)
    assert "--allocation-id eipalloc-0123 --instance-id i-0123456789abcdef0 --allow-reassociation" in said
    assert '"Name": "primary.panocast.internal"' in said
    assert "10.70.0.9" in said
    assert (tmp_path / "state" / "secret").read_text() == "a-very-secret-secret\n"
    assert (tmp_path / "state" / "secret").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state" / "keys.json").read_text() == '{"my-event": 2}\n'
    units = "panocast-report.service panocast-leave.service panocast-origin.service panocast-keys.service"
    assert f"systemctl enable --now {units}" in said
    assert calls[-1].endswith("--status SUCCESS"), calls[-1]


async def test_a_machine_that_never_answers_fails_the_stack_and_does_not_hang(tmp_path: Path) -> None:
    code, calls = await started(tmp_path, "edge", ready=False)
    assert code != 0
    assert calls[-1].endswith("--status FAILURE"), calls[-1]


@pytest.mark.parametrize(
    ("role", "refused"),
    [
        ("origin", "/panocast/panocast/secret"),
        ("origin", "keys.json"),
        ("origin", "associate-address"),
        ("origin", "change-resource-record-sets"),
        ("edge", "playback-secret"),
    ],
)
async def test_a_machine_that_is_refused_what_it_needs_starts_nothing(role: str, refused: str, tmp_path: Path) -> None:
    code, calls = await started(tmp_path, role, refused=refused)
    assert code != 0
    assert not [call for call in calls if "enable" in call]
    assert calls[-1].endswith("--status FAILURE"), calls[-1]


async def test_an_edge_takes_the_secret_of_signed_urls_and_no_other(tmp_path: Path) -> None:
    code, calls = await started(tmp_path, "edge")
    assert code == 0, calls
    (taken,) = [call for call in calls if "get-parameter" in call]
    assert "/panocast/panocast/playback-secret" in taken
    assert (tmp_path / "state" / "playback-secret").stat().st_mode & 0o777 == 0o600


async def test_a_worker_signals_nobody(tmp_path: Path) -> None:
    code, calls = await started(tmp_path, "worker")
    assert code == 0
    assert not [call for call in calls if "signal-resource" in call]
    assert not [call for call in calls if "get-parameter" in call], "a worker needs no secret"


async def test_only_the_agent_of_session_manager_that_was_checked_is_installed(tmp_path: Path) -> None:
    (tmp_path / "well").mkdir()
    code, calls = await started(tmp_path / "well", "worker", agent=b"the agent")
    assert code == 0
    assert [call for call in calls if call.startswith("dpkg -i")]
    (tmp_path / "tampered").mkdir()
    code, calls = await started(tmp_path / "tampered", "worker", agent=b"another one")
    assert code != 0
    assert not [call for call in calls if call.startswith("dpkg")]


async def test_a_machine_that_its_group_takes_out_finishes_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("aws", "systemctl"):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{STAND_INS[name]}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    files = write_files(user_data("edge"), tmp_path)
    text = (INSTANCE / "leave.sh").read_text().replace("/etc/panocast/stack.env", str(files["stack.env"]))
    shutil.copy(INSTANCE / "metadata.sh", tmp_path)
    (tmp_path / "leave.sh").write_text(text)
    calls = tmp_path / "calls"
    async with metadata_server() as metadata:
        metadata.says["autoscaling/target-lifecycle-state"] = "InService"
        process = await asyncio.create_subprocess_exec(
            "sh",
            str(tmp_path / "leave.sh"),
            env={
                **metadata.environment,
                "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
                "CALLS": str(calls),
                "EVERY_S": "0.1",
                "REFUSED": "nothing",
            },
        )
        await eventually(lambda: metadata.asked.get("autoscaling/target-lifecycle-state", 0) > 2)
        assert not calls.exists()
        metadata.says["autoscaling/target-lifecycle-state"] = "Terminated"
        assert await asyncio.wait_for(process.wait(), 60) == 0
    stopped, completed = calls.read_text().splitlines()
    assert stopped == "systemctl stop panocast-edge.service"
    assert "--auto-scaling-group-name panocast-Part-1ABC-group" in completed
    assert completed.endswith("--instance-id i-0123456789abcdef0")
