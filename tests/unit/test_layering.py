"""Who may import whom, what no file of the repository may hold, and what no module may do."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PARTS = ("origin", "edge", "transcoder")
"""The parts side by side; player/ has no Python that others could import."""

MAY_IMPORT: dict[str, frozenset[str]] = {
    "panocast": frozenset({"panocast"}),
    **{part: frozenset({"panocast", part}) for part in PARTS},
    "infra": frozenset({"panocast", *PARTS, "infra"}),
}
OURS = frozenset({*MAY_IMPORT, "player", "tests"})

# Put together here, so that this file does not hold what it looks for.
NPM_HOST, YARN_HOST, PYPI_HOST, FILES_HOST = (
    ".".join(parts) for parts in (("npmjs", "org"), ("yarnpkg", "com"), ("pypi", "org"), ("pythonhosted", "org"))
)
FORBIDDEN_TEXT = {
    "a registry's address": re.compile(
        rf"(?://|\.)(?:{'|'.join(map(re.escape, (NPM_HOST, YARN_HOST, PYPI_HOST, FILES_HOST)))})\b", re.IGNORECASE
    ),
    "a path of somebody's machine": re.compile(
        r"(?<![\w.])/(?:home/[\w-]+|root/\.?\w+|Users/\w+|work/(?:main|shared))\b"
    ),
}


def raised_in_except_star(source: str) -> Iterator[int]:
    """The lines of what is raised in an `except*`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.TryStar):
            raised = (each for handler in node.handlers for each in ast.walk(handler) if isinstance(each, ast.Raise))
            yield from (each.lineno for each in raised)


def modules(package: str, root: Path = ROOT) -> list[Path]:
    return sorted((root / package).rglob("*.py"))


def imported(source: str, package: tuple[str, ...]) -> Iterator[str]:
    """The full names that a module of `package` imports, also inside functions, strings as in import_module("x.y")."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, level=0) if module:
                yield module
            case ast.ImportFrom(module=module, names=names, level=level):
                base = package[: len(package) - level + 1]
                yield from (".".join([*base, module or alias.name]) for alias in names)
            case ast.Call(
                func=ast.Name("__import__" | "import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(str(name)), *_],
            ):
                yield name


def trespasses(package: str, source: str, folder: tuple[str, ...]) -> list[str]:
    """What a module imports of ours that its package may not."""
    ours = {name for name in imported(source, folder) if name.split(".")[0] in OURS}
    return sorted(name for name in ours if name.split(".")[0] not in MAY_IMPORT[package])


def tracked_files() -> list[Path]:
    """What git has or would take."""
    listed = subprocess.run(
        # CI often works as another user than the one who owns the clone.
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_downward_only(package: str) -> None:
    found = modules(package)
    assert found, f"{package}/ has no modules: has it moved?"
    for path in found:
        folder = path.relative_to(ROOT).parent.parts
        assert not trespasses(package, path.read_text(), folder), f"{path.relative_to(ROOT)} imports what it may not"


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("panocast", "import origin.agent"),
        ("panocast", "def f():\n    from infra import cli"),
        ("origin", "from edge.config import x"),
        ("edge", "import transcoder"),
        ("transcoder", "from .. import origin"),
        ("transcoder", "import importlib\nimportlib.import_module('infra.cli')"),
        ("infra", "from tests.unit import helper"),
    ],
)
def test_an_import_upward_or_sideways_is_noticed(package: str, source: str) -> None:
    assert trespasses(package, source, (package,))


def test_imports_downward_and_from_elsewhere_are_fine() -> None:
    source = "import json\nfrom . import cli\nfrom .config import x\nfrom panocast.errors import PanocastError\n"
    assert not trespasses("origin", source, ("origin",))


def test_ffmpeg_python_is_imported_in_exactly_one_module() -> None:
    users = [
        str(path.relative_to(ROOT))
        for package in MAY_IMPORT
        for path in modules(package)
        if any(
            name.split(".")[0] == "ffmpeg" for name in imported(path.read_text(), path.relative_to(ROOT).parent.parts)
        )
    ]
    assert users == ["panocast/ffmpeg.py"]


def test_nothing_is_raised_in_an_except_star() -> None:
    """Debian 12's Python (3.11.2) makes a group of it, which nobody catches; later ones do not."""
    assert list(raised_in_except_star("try:\n    f()\nexcept* OSError as e:\n    raise e.exceptions[0]")) == [4]
    for package in MAY_IMPORT:
        for path in modules(package):
            assert not list(raised_in_except_star(path.read_text())), path


@pytest.mark.skipif(not (shutil.which("git") and (ROOT / ".git").exists()), reason="not a git checkout")
@pytest.mark.parametrize("what", FORBIDDEN_TEXT)
def test_no_file_names(what: str) -> None:
    files = tracked_files()
    assert len(files) > 10, "git lists hardly any file"
    found = []
    for path in files:
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{path.relative_to(ROOT)}: {hit[0]}" for hit in FORBIDDEN_TEXT[what].finditer(text)]
    assert not found


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a registry's address", f'"resolved": "https://registry.{NPM_HOST}/aframe/-/aframe-1.8.0.tgz"'),
        ("a registry's address", f"index-url = https://{PYPI_HOST}/simple"),
        ("a registry's address", f"https://files.{FILES_HOST}/packages/x.whl"),
        ("a path of somebody's machine", f"see /{'home'}/anna/panocast"),
        ("a path of somebody's machine", f"STATE=/{'work'}/main/var"),
        ("a path of somebody's machine", f"cp /{'root'}/.npmrc ."),
    ],
)
def test_what_may_not_be_named_is_recognised(what: str, text: str) -> None:
    assert FORBIDDEN_TEXT[what].search(text)


@pytest.mark.parametrize(
    "text", ["a PyPI package", "npm ci", f"https://example.org/{'work'}/main", f"/vod/{'work'}/0001", "~/.npmrc"]
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert not any(pattern.search(text) for pattern in FORBIDDEN_TEXT.values())
