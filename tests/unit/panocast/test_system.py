"""Finding what the operating system brings along."""

import subprocess
import sys
from pathlib import Path

import pytest

from panocast.system import RTMP_MODULE, find_program, rtmp_module


def test_the_rtmp_module_is_found_in_the_first_folder_that_has_it(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders[1:]:
        folder.mkdir()
        (folder / RTMP_MODULE).touch()
    assert rtmp_module(folders) == tmp_path / "b" / RTMP_MODULE


def test_no_rtmp_module_is_none(tmp_path: Path) -> None:
    assert rtmp_module([tmp_path, tmp_path / "missing"]) is None


def test_programs_are_found_where_an_ordinary_users_path_does_not_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "mine").write_text("#!/bin/sh\n")
    (tmp_path / "mine").chmod(0o755)
    assert find_program("mine") == tmp_path / "mine"
    assert find_program("chroot") is not None, "/usr/sbin is not looked at"
    assert find_program("no-such-program-anywhere") is None


def test_a_process_may_open_as_many_files_as_the_system_lets_it() -> None:
    told = (
        "import resource; from panocast.system import allow_many_files\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, min(hard, 5000)))\n"
        "allow_many_files()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, 5000))"
    )
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True).stdout == "True\n"
