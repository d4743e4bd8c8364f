"""nginx's configuration: the same template for both roles, and nothing in it that nginx could misread."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from origin.nginx import render
from panocast.errors import UsageError
from panocast.settings import OriginSettings, Settings

MODULES = [Path("/m/ngx_stream_module.so"), Path("/m/ngx_rtmp_module.so")]


def text(bind: str = "0.0.0.0", state: Path = Path("/var/lib/panocast"), **origin: Any) -> str:
    settings = Settings(state=state, bind=bind, origin=OriginSettings(**origin))
    return render(settings, modules=MODULES, user=None)


def test_both_roles_differ_in_their_settings_only() -> None:
    primary, backup = text(role="primary"), text(role="backup")
    assert primary != backup
    assert primary.replace("primary", "backup") == backup


def test_public_and_private_addresses() -> None:
    lines = [line.strip() for line in text(http_bind="10.0.0.1").splitlines()]
    assert [line for line in lines if line.startswith("listen")] == [
        "listen 0.0.0.0:1935;",
        "listen 127.0.0.1:1937;",
        "listen 10.0.0.1:8081;",
        "listen 127.0.0.1:8084;",
    ]


@pytest.mark.parametrize(
    ("bind", "listens"),
    [
        ("0.0.0.0", ["0.0.0.0:1935"]),
        ("127.0.0.1", ["127.0.0.1:1935"]),
        ("10.0.0.1", ["10.0.0.1:1935"]),
        ("::", ["[::]:1935 ipv6only=off"]),
        ("fd00::1", ["[fd00::1]:1935"]),
    ],
)
def test_encoders_come_in_where_they_should_and_ffmpeg_on_loopback(bind: str, listens: list[str]) -> None:
    lines = [line.strip() for line in text(bind=bind).splitlines()]
    assert [line for line in lines if line.startswith("listen") and ":1935" in line] == [
        f"listen {address};" for address in listens
    ]
    assert "listen 127.0.0.1:1937;" in lines


def test_rtmps_needs_a_certificate_and_its_key(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    with pytest.raises(UsageError, match=r"origin\.tls_cert is missing"):
        text(rtmps_port=1936)
    with pytest.raises(UsageError, match=r"origin\.tls_cert = .*no such file"):
        text(rtmps_port=1936, tls_cert=certificate)
    certificate.touch()
    with pytest.raises(UsageError, match=r"origin\.tls_key is missing"):
        text(rtmps_port=1936, tls_cert=certificate)
    assert "listen 0.0.0.0:1936 ssl;" in text(rtmps_port=1936, tls_cert=certificate, tls_key=certificate)


def test_times_come_from_the_settings() -> None:
    lines = [
        line.strip() for line in text(part_s=12.5, segment_min_s=2, window_s=20, silent_publisher_s=4).splitlines()
    ]
    for line in ("record_interval 12500ms;", "hls_fragment 1900ms;", "hls_playlist_length 20000ms;",
                 "drop_idle_publisher 4000ms;"):  # fmt: skip
        assert line in lines


def test_nothing_that_prints_keys_is_on() -> None:
    config = text()
    assert config.count("access_log off;") == 2
    assert re.findall(r"error_log .*", config) == ["error_log stderr warn;", "error_log stderr alert;"]


@pytest.mark.parametrize("name", ["a b", "a;b", 'a"b', "a{b", "a$b", "a\nb", "a'b"])
def test_a_path_that_nginx_would_misread_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="path"):
        text(state=Path("/var") / name)
