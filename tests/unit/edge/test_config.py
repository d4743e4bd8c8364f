import json
from pathlib import Path

import pytest

from edge.config import content_security_policy, render_config
from panocast.errors import UsageError
from panocast.settings import load_settings


@pytest.fixture
def player(tmp_path: Path) -> Path:
    folder = tmp_path / "player"
    (folder / "vendor").mkdir(parents=True)
    (folder / "csp.json").write_text(json.dumps({"directives": {"default-src": ["'none'"], "style-src": ["'self'"]}}))
    (folder / "vendor" / "csp.json").write_text(json.dumps({"style-src": ["sha256-abc="]}))
    return folder


def test_the_hashes_of_injected_styles_join_the_policy(player: Path) -> None:
    assert content_security_policy(player) == "default-src 'none'; style-src 'self' 'sha256-abc='"


def test_a_player_that_is_not_installed_is_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make install"):
        content_security_policy(tmp_path)


def test_a_state_directory_that_nginx_would_misread_is_refused(tmp_path: Path, player: Path) -> None:
    with pytest.raises(UsageError, match="without spaces"):
        render_config(load_settings(tmp_path / "a b;c"), player)


def test_https_without_its_certificate_is_refused_with_the_settings_name(tmp_path: Path, player: Path) -> None:
    (tmp_path / "cert.pem").touch()
    settings = load_settings(tmp_path, overrides={"edge": {"https_port": 8443, "tls_cert": str(tmp_path / "cert.pem")}})
    with pytest.raises(UsageError, match=r"edge\.tls_key is not set"):
        render_config(settings, player)


def test_a_state_directory_with_signs_that_urls_quote_is_served_from(tmp_path: Path, player: Path) -> None:
    state = tmp_path / "50%25?"
    assert f"alias {state}/egress/vod/" in render_config(load_settings(state), player)


def test_without_a_backup_none_is_configured(tmp_path: Path, player: Path) -> None:
    assert "backup;" not in render_config(load_settings(tmp_path), player)


def test_origins_of_the_other_packager_are_proxied_and_nothing_is_mirrored(tmp_path: Path, player: Path) -> None:
    proxy = render_config(load_settings(tmp_path, overrides={"edge": {"live": "proxy"}}), player)
    mirror = render_config(load_settings(tmp_path), player)
    assert "(?:hls|testhls)" in proxy
    assert "/mirrored/" not in proxy
    assert "(?:hls|testhls)" not in mirror
    assert "/mirrored/fresh/" in mirror


def test_mirrored_streams_may_stand_in_memory(tmp_path: Path, player: Path) -> None:
    settings = load_settings(tmp_path, overrides={"edge": {"live_folder": "/run/panocast/live"}})
    assert "root /run/panocast/live;" in render_config(settings, player)


def test_an_origin_whose_name_is_not_there_yet_does_not_keep_nginx_from_starting(tmp_path: Path, player: Path) -> None:
    origins = {"primary": "http://primary.internal:8081", "backup": "http://backup.internal:8081"}
    settings = load_settings(tmp_path, overrides={"edge": origins})
    text = render_config(settings, player, resolve={"primary.internal": "10.0.0.1"}.get)
    assert "server 10.0.0.1:8081 max_fails" in text
    assert "server 127.0.0.1:1 down backup;" in text
    assert ".internal" not in text
