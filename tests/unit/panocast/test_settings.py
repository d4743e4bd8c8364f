"""Settings: a file, the environment over it, and errors that name the key, the value and what is allowed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from panocast.errors import UsageError
from panocast.projection import Projection, Stereo
from panocast.queue import open_queue
from panocast.settings import load_settings
from panocast.store import local_folder

NO_ADDRESSES = ("localhost", "", "127.0.0.1; daemon on", "1.2.3", "0.0.0.0:80", "fe80::1%a; b")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in os.environ:
        if key.startswith("PANOCAST_"):
            monkeypatch.delenv(key)


def write(state: Path, text: str) -> Path:
    (state / "panocast.toml").write_text(text)
    return state


def test_without_a_file_everything_has_a_default(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.state == tmp_path
    assert (settings.origin.rtmp_port, settings.origin.role) == (1935, "primary")
    assert settings.ingest_url == f"file://{tmp_path}/ingest"
    ports = settings.origin.model_dump()
    inner = [port for key, port in ports.items() if key.endswith("_port")] + [
        settings.edge.http_port,
        settings.edge.agent_port,
    ]
    assert len(set(inner)) == len(inner), "two services want one port"


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path,
        '[origin]\nrtmp_port = 2000\nhttp_port = 2001\n[streams.cam]\ntitle = "Stage"\nstereo = "top-bottom"\n',
    )
    monkeypatch.setenv("PANOCAST_ORIGIN__RTMP_PORT", "3000")
    monkeypatch.setenv("PANOCAST_ORIGIN__ROLE", "backup")
    settings = load_settings(tmp_path)
    assert (settings.origin.rtmp_port, settings.origin.http_port, settings.origin.role) == (3000, 2001, "backup")
    cam = settings.streams["cam"]
    assert (cam.title, cam.stereo, cam.projection) == ("Stage", Stereo.TOP_BOTTOM, None)


def test_the_state_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANOCAST_STATE", str(tmp_path))
    monkeypatch.setenv("PANOCAST_STREAMS", '{"cam": {"projection": "eac"}}')
    settings = load_settings()
    assert settings.state == tmp_path
    assert settings.streams["cam"].projection is Projection.EAC


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[origin]\nrtmp_port = 99999\n", r"origin\.rtmp_port = 99999: .*65535"),
        ("[origin]\nrtmp_prot = 1935\n", r"origin\.rtmp_prot"),
        ('[origin]\nrole = "third"\n', r"origin\.role = 'third': .*primary.*backup"),
        ("[origin]\npart_s = 0\n", r"origin\.part_s = 0: .*2"),
        ('[streams."A B"]\ntitle = "x"\n', r"streams\.A B"),
        ('[edge]\nprimary = "http://h:80810"\n', r"edge\.primary = 'http://h:80810': .*ort out of range"),
        ('[streams.cam]\nstereo = "3d"\n', r"streams\.cam\.stereo = '3d'"),
        ("colour = 1\n", "colour = 1"),
        *((f'bind = "{text}"\n', rf"bind = '{text}': .*address") for text in NO_ADDRESSES),
        *((f'[origin]\nhttp_bind = "{text}"\n', rf"origin\.http_bind = '{text}': .*address") for text in NO_ADDRESSES),
        ("[origin\n", "not TOML"),
        ('[streams.cam]\ntitle = "Bühne"\n', r"panocast\.toml is not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "panocast.toml").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=said):
        load_settings(tmp_path)


@pytest.mark.parametrize("key", ["edge.primary", "edge.backup", "origin.peer"])
@pytest.mark.parametrize("url", ["ftp://a", "http://", "127.0.0.1:80", "http://a/b", "http://a:80/;}", "http://a?b"])
def test_an_origin_is_given_by_its_address(tmp_path: Path, key: str, url: str) -> None:
    section, name = key.split(".")
    with pytest.raises(UsageError, match=rf"{key} = .*http://HOST:PORT"):
        load_settings(tmp_path, overrides={section: {name: url}})
    for right in ("http://origin-1.example:8081", "http://[::1]:80/", "http://10.0.0.1"):
        load_settings(tmp_path, overrides={section: {name: right}})


@pytest.mark.parametrize(
    ("key", "url"), [("origin.push_to", "rtmp://backup:{}/live"), ("edge.public_url", "https://video.example:{}")]
)
@pytest.mark.parametrize("port", ["0", "65536", "1935]"])
def test_a_port_that_is_none_is_named(tmp_path: Path, key: str, url: str, port: str) -> None:
    section, name = key.split(".")
    load_settings(tmp_path, overrides={section: {name: url.format(1935)}})
    with pytest.raises(UsageError, match=f"{key} = "):
        load_settings(tmp_path, overrides={section: {name: url.format(port)}})


def test_a_list_in_the_environment_that_is_not_json_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANOCAST_EDGE__PLAYER_ORIGINS", "https://a")
    with pytest.raises(UsageError, match=r"PANOCAST_EDGE__PLAYER_ORIGINS = 'https://a': .*JSON"):
        load_settings(tmp_path)


@pytest.mark.parametrize("name", ["show#1", "what?", "50%25", os.fsdecode(b"\xff")])
def test_a_state_directory_of_any_name_holds_its_stores_and_its_queue(tmp_path: Path, name: str) -> None:
    settings = load_settings(tmp_path / name)
    assert local_folder(settings.ingest_url) == settings.state / "ingest"
    assert local_folder(settings.egress_url) == settings.state / "egress"
    open_queue(settings.queue_url).send("a message")
    assert (settings.state / "queue.db").is_file()


def test_a_file_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no settings file"):
        load_settings(tmp_path, tmp_path / "other.toml")
    (tmp_path / "other.toml").write_text("[origin]\nhttp_port = 4000\n")
    assert load_settings(tmp_path, tmp_path / "other.toml").origin.http_port == 4000
