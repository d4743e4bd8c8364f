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


@pytest.mark.parametrize("url", ["ftp://a", "http://", "127.0.0.1:80", "http://a/b", "http://a:80/;}"])
def test_an_origin_that_is_no_http_address_is_refused(tmp_path: Path, player: Path, url: str) -> None:
    settings = load_settings(tmp_path, overrides={"edge": {"primary": url}})
    with pytest.raises(UsageError, match=r"http://HOST:PORT"):
        render_config(settings, player)


def test_a_state_directory_that_nginx_would_misread_is_refused(tmp_path: Path, player: Path) -> None:
    with pytest.raises(UsageError, match="without spaces"):
        render_config(load_settings(tmp_path / "a b;c"), player)


def test_without_a_backup_none_is_configured(tmp_path: Path, player: Path) -> None:
    assert "backup;" not in render_config(load_settings(tmp_path), player)
