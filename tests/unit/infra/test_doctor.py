"""The doctor's checks, each seen healthy and sick."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.local import doctor
from infra.local.doctor import Check

NGINX = "nginx version: nginx/1.22.1\n"
FFMPEG = "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026 the FFmpeg developers\nbuilt with gcc 12\n"
ENCODERS = " V....D libx264   libx264 H.264\n A....D aac    AAC\n"
FILTERS = " T.C drawtext V->V Draw\n ..C scale V->V Scale\n .SC v360 V->V Convert\n"


def found(name: str) -> Path | None:
    return Path("/usr/bin") / name


def absent(name: str) -> Path | None:
    return None


def says(text: str) -> doctor.Runner:
    return lambda argv: text


def silent(argv: Sequence[str]) -> str:
    raise OSError("Exec format error")


def machine(argv: Sequence[str]) -> str:
    """A healthy machine's answers."""
    answers = {"-v": NGINX, "-version": FFMPEG, "-encoders": ENCODERS, "-filters": FILTERS}
    return answers[argv[-1]]


# -- programs


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (NGINX, (1, 22, 1)),
        ("nginx version: openresty/1.25.3.1 (nginx/1.25.3)", (1, 25, 3)),
        (FFMPEG, (5, 1, 9)),
        ("ffprobe version n7.1 Copyright", (7, 1)),
        ("ffmpeg version N-117000-gabc Copyright (c) 2000-2026", None),
        ("", None),
    ],
)
def test_versions_are_read_from_what_programs_say(text: str, version: tuple[int, ...] | None) -> None:
    assert doctor.parse_version(text) == version


@pytest.mark.parametrize(("least", "ok"), [((1, 18), True), ((1, 22, 1), True), ((1, 23), False), ((2, 0), False)])
def test_a_program_older_than_needed_fails(least: tuple[int, ...], ok: bool) -> None:
    check = doctor.check_program("nginx", ["-v"], least, says(NGINX), found)
    assert check.ok is ok
    assert "1.22.1" in check.detail


def test_a_missing_program_fails_and_names_the_mend() -> None:
    check = doctor.check_program("nginx", ["-v"], (1, 18), says(NGINX), absent)
    assert (check.status, check.detail) == ("fail", "not installed")
    assert "make install" in check.mend


def test_a_program_that_does_not_run_fails() -> None:
    check = doctor.check_program("nginx", ["-v"], (1, 18), silent, found)
    assert check.status == "fail"
    assert "Exec format error" in check.detail


def test_a_build_without_a_number_is_taken_at_its_word() -> None:
    assert doctor.check_program("ffmpeg", ["-version"], (5, 0), says("ffmpeg version N-1-gabc"), found).ok


@pytest.mark.parametrize("missing", [*doctor.ENCODERS, *doctor.FILTERS])
def test_an_ffmpeg_built_without_a_part_fails_and_names_it(missing: str) -> None:
    def run(argv: Sequence[str]) -> str:
        return machine(argv).replace(f" {missing} ", " other ")

    sick = [check for check in doctor.check_ffmpeg_parts(run, found) if not check.ok]
    assert len(sick) == 1
    assert missing in sick[0].detail


def test_an_ffmpeg_with_every_part_is_fine() -> None:
    assert all(check.ok for check in doctor.check_ffmpeg_parts(machine, found))


def test_what_panocast_can_do_without_is_only_a_warning() -> None:
    assert doctor.check_present("bwrap", absent, needed=False).status == "warn"
    assert doctor.check_present("setpriv", absent).status == "fail"
    assert doctor.check_present("setpriv", found).status == "ok"


def test_a_program_that_hangs_is_an_error_not_a_wait(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="did not answer"):
        doctor.run_program(["sleep", "5"], timeout_s=0.1)


@pytest.mark.parametrize(("version", "ok"), [((3, 10, 14), False), ((3, 11, 0), True), ((4, 0, 0), True)])
def test_an_old_python_fails(version: tuple[int, ...], ok: bool) -> None:
    assert doctor.check_python(version).ok is ok


def test_a_missing_module_of_nginx_fails(tmp_path: Path) -> None:
    assert doctor.check_module("nginx-rtmp module", tmp_path).ok
    assert not doctor.check_module("nginx-rtmp module", None).ok


# -- files


def test_a_state_directory_that_does_not_exist_yet_is_fine_and_not_made(tmp_path: Path) -> None:
    check = doctor.check_writable(tmp_path / "a/b")
    assert check.ok
    assert not (tmp_path / "a").exists()


def test_a_state_directory_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    assert doctor.check_writable(tmp_path).ok
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder nobody can write, not even root")
def test_a_state_directory_that_cannot_be_written_fails() -> None:
    check = doctor.check_writable(Path("/proc/self/panocast"))
    assert check.status == "fail"
    assert "--state" in check.mend


def test_a_state_directory_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    assert doctor.check_writable(tmp_path / "var").status == "fail"


@pytest.mark.parametrize(("free", "status"), [(100 << 30, "ok"), (5 << 30, "warn"), (500 << 20, "fail")])
def test_little_room_is_warned_of_and_none_fails(free: int, status: str) -> None:
    assert doctor.disk_check(free, Path("var")).status == status


def test_a_player_without_its_libraries_fails(tmp_path: Path) -> None:
    vendor = tmp_path / "vendor"
    assert not doctor.check_player(vendor).ok
    vendor.mkdir()
    assert not doctor.check_player(vendor).ok
    (vendor / "aframe.min.js").touch()
    assert doctor.check_player(vendor).ok


# -- ports


def test_a_free_port_is_free_and_a_taken_one_names_who_holds_it() -> None:
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        taken = doctor.check_port("HTTP", port)
    assert taken.status == "fail"
    assert f"(pid {os.getpid()})" in taken.detail
    assert doctor.check_port("HTTP", port).ok


def test_a_port_taken_on_loopback_only_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not doctor.check_port("RTMP", server.getsockname()[1]).ok


def test_what_is_left_of_closed_connections_does_not_take_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address) as client:
            server.accept()[0].close()  # whoever closes first keeps the address in TIME_WAIT
            assert client.recv(1) == b""
    assert doctor.check_port("HTTP", address[1]).ok


def test_the_holder_of_a_port_is_found_by_its_socket(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 4711 1 0 100\n"
        "   1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  0  0 4712 1 0 100\n"
    )
    for pid, name, inode in (("17", "nginx", 4711), ("18", "curl", 4712)):
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "comm").write_text(name + "\n")
        (tmp_path / pid / "fd/3").symlink_to(f"socket:[{inode}]")
    assert doctor.port_holder(8080, tmp_path) == "nginx (pid 17)"
    assert doctor.port_holder(8081, tmp_path) is None, "a connection is not a listener"


# -- all of it


def test_the_whole_report_of_a_healthy_machine(tmp_path: Path) -> None:
    report = doctor.checks(tmp_path, [("HTTP", 0)], tmp_path, run=machine, find=found)
    names = [check.name for check in report]
    assert len(names) == len(set(names))
    for name in ("python", "nginx", "ffmpeg", "ffprobe", "setpriv", "bwrap", "state directory", "port 0 (HTTP)"):
        assert name in names


def test_a_sandbox_that_does_not_work_is_a_warning_that_says_why_and_how_to_mend_it() -> None:
    check = doctor.check_fence("bwrap: setting up uid map: Permission denied")
    assert (check.status, "uid map" in check.detail) == ("warn", True)
    assert "user namespaces" in check.mend
    assert doctor.check_fence(None).status == "ok"


def test_every_failing_line_says_how_to_mend_it(tmp_path: Path) -> None:
    report = doctor.checks(tmp_path / "x", [], tmp_path / "none", run=silent, find=absent)
    sick = [check for check in report if not check.ok]
    assert {"nginx", "ffmpeg", "setpriv", "bwrap", "player"} <= {check.name for check in sick}
    assert all(check.mend for check in sick)


def test_a_check_is_marked_by_outcome_and_need() -> None:
    assert Check("x", True, "").status == "ok"
    assert Check("x", False, "").status == "fail"
    assert Check("x", False, "", needed=False).status == "warn"
