"""What a stack is made from, as files: the wheel and all it needs, the player, the Lambdas, the machines' set-up, and
the templates. Everything lies below one prefix that is named by its content, so that a stack never mixes two versions.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.page import lean
from panocast.errors import UsageError
from panocast.process import Command, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PYTHON = "3.11"  # Debian 12's
# What Debian 12's glibc (2.36) can load; wheels name the oldest glibc they are made for.
_PLATFORMS = {
    "arm64": ("manylinux_2_34_aarch64", "manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "amd64": ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
}
_PLAYER = ("index.html", "style.css", "icon.svg", "csp.json", "src/*.js", "vendor/*")
BUILD_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Files by their key below `prefix`; player files by their name in the player's folder."""

    prefix: str
    files: Mapping[str, bytes]
    player: Mapping[str, bytes]


async def build_wheels(architecture: str, folder: Path) -> None:
    """Put panocast's wheel and those of everything it needs, for a Debian 12 of that architecture, into a folder.

    Raises ProcessError when pip cannot, UsageError outside a checkout.
    """
    if not (ROOT / "pyproject.toml").exists():
        raise UsageError("a stack is deployed from a checkout of panocast: there is no pyproject.toml beside infra/")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory(prefix="panocast-source-") as source:
        # What an earlier build left in the checkout would get into the wheel.
        await asyncio.to_thread(_copy_source, Path(source))
        wheel = [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), source]
        await run(Command("building the wheel", wheel), timeout_s=BUILD_TIMEOUT_S)
    platforms = [word for name in _PLATFORMS[architecture] for word in ("--platform", name)]
    (built,) = await asyncio.to_thread(lambda: sorted(folder.glob("panocast-*.whl")))
    needed = [str(built), "--dest", str(folder), "--only-binary=:all:"]
    # ffmpeg-python needs `future`, which comes as a wheel for any platform.
    fetch = [*pip, "download", *needed, "--python-version", PYTHON, "--implementation", "cp", *platforms]
    await run(Command("fetching what panocast needs", fetch), timeout_s=BUILD_TIMEOUT_S)


def _copy_source(to: Path) -> None:
    unwanted = shutil.ignore_patterns("__pycache__", "*.pyc")
    for package in ("panocast", "origin", "edge", "transcoder", "infra"):
        shutil.copytree(ROOT / package, to / package, ignore=unwanted)
    for name in ("pyproject.toml", "README.md"):
        shutil.copyfile(ROOT / name, to / name)


def player_files(folder: Path = ROOT / "player") -> dict[str, bytes]:
    """The player's files by their path, its own as lean as edges serve them; raises UsageError when its libraries are
    not there."""
    found = {
        str(path.relative_to(folder)): path.read_bytes() if path.parent.name == "vendor" else lean(path)
        for pattern in _PLAYER
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }
    if not any(name.startswith("vendor/") for name in found):
        raise UsageError("the player's libraries are not installed: run `make install`")
    return found


def lambdas_zip(folder: Path = HERE / "lambdas") -> bytes:
    """The Lambdas' code; the same code is the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.glob("*.py")):
            info = zipfile.ZipInfo(path.name)
            info.external_attr = 0o644 << 16
            archive.writestr(info, path.read_bytes())
    return buffer.getvalue()


def instance_tar(wheels: Iterable[Path], player: Mapping[str, bytes], extra: Mapping[str, bytes]) -> bytes:
    """What a machine unpacks at its first boot: /opt/panocast-instance; the same content is the same bytes."""
    set_up = HERE / "instance"
    members = {path.name: path.read_bytes() for path in set_up.glob("*.sh")}
    members |= {f"units/{path.name}": path.read_bytes() for path in (set_up / "units").glob("*.service")}
    members |= {f"wheels/{path.name}": path.read_bytes() for path in wheels}
    members |= {f"player/{name}": data for name, data in player.items()}
    members |= dict(extra)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(members):
            info = tarfile.TarInfo(f"panocast-instance/{name}")
            info.size, info.mode = len(members[name]), 0o755 if name.endswith(".sh") else 0o644
            archive.addfile(info, io.BytesIO(members[name]))
    return gzip.compress(plain.getvalue(), mtime=0)


def templates_prefix(csp: str) -> str:
    """Below which prefix the templates lie: named by what they are made from, for they name it themselves."""
    digest = hashlib.sha256(csp.encode())
    for path in sorted((HERE / "templates").rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    for path in (HERE / "rendering.py", HERE / "policies.py", ROOT / "panocast" / "permissions.py"):
        digest.update(path.read_bytes())
    return f"panocast/templates-{digest.hexdigest()[:16]}"


def assemble(
    wheels: Sequence[Path], player: Mapping[str, bytes], extra: Mapping[str, bytes] | None = None
) -> Artifacts:
    """All artifacts but the templates, which name the prefix themselves."""
    files = {"lambdas.zip": lambdas_zip(), "instance.tar.gz": instance_tar(wheels, player, extra or {})}
    digest = hashlib.sha256(b"".join(hashlib.sha256(files[name]).digest() for name in sorted(files))).hexdigest()
    return Artifacts(f"panocast/{digest[:16]}", files, player)
