from pathlib import Path

import pytest

from infra.local.plan import Ports, make_plan
from panocast.errors import UsageError
from panocast.settings import as_environment, load_settings

PORTS = Ports(8080, 1935, 1936, tuple(range(9000, 9000 + Ports.INNER)))


def test_no_two_parts_share_a_port(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, None, PORTS)
    used = [plan.edge.settings.edge.http_port, plan.edge.settings.edge.agent_port]
    for part in (plan.primary, plan.backup):
        origin = part.settings.origin
        used += [origin.rtmp_port, origin.http_port, origin.agent_port, origin.show_port, origin.stat_port]
    assert len(set(used)) == len(used) == 12


def test_the_edge_takes_from_both_origins(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, None, PORTS)
    edge = plan.edge.settings.edge
    assert edge.primary == f"http://127.0.0.1:{plan.primary.settings.origin.http_port}"
    assert edge.backup == f"http://127.0.0.1:{plan.backup.settings.origin.http_port}"


def test_each_origin_is_the_others_peer(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, None, PORTS)
    primary, backup = plan.primary.settings.origin, plan.backup.settings.origin
    assert primary.peer == f"http://127.0.0.1:{backup.http_port}"
    assert backup.peer == f"http://127.0.0.1:{primary.http_port}"


def test_a_child_process_reads_the_same_settings_from_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "panocast.toml").write_text('[origin]\npart_s = 12\n[streams.cam]\ntitle = "A camera"\n')
    plan = make_plan(tmp_path, None, PORTS, bind="127.0.0.1")
    for part in (plan.primary, plan.backup, plan.edge, plan.worker):
        with monkeypatch.context() as patched:
            for name, value in as_environment(part.overrides).items():
                patched.setenv(name, value)
            assert load_settings().model_dump() == part.settings.model_dump()
    assert plan.backup.settings.origin.part_s == 12
    assert plan.worker.settings.streams["cam"].title == "A camera"


@pytest.mark.parametrize(
    ("bind", "host", "public"),
    [
        ("127.0.0.1", "localhost", None),
        ("10.1.2.3", "10.1.2.3", "http://10.1.2.3:8080/"),
        ("fd00::1", "[fd00::1]", "http://[fd00::1]:8080/"),
    ],
)
def test_urls_name_the_address_it_listens_on(tmp_path: Path, bind: str, host: str, public: str | None) -> None:
    plan = make_plan(tmp_path, None, PORTS, bind=bind)
    urls = plan.urls()
    assert (urls["player"], urls["rtmp"]) == (f"http://{host}:8080/", f"rtmp://{host}:1935/live")
    assert plan.edge.settings.edge.public_url == plan.public_url() == public
    assert urls["lan"] == (public or urls["player"])


def test_listening_on_all_addresses_it_is_localhost_here(tmp_path: Path) -> None:
    for bind in ("0.0.0.0", "::"):
        plan = make_plan(tmp_path, None, PORTS, bind=bind)
        assert (plan.address, plan.urls()["player"]) == ("127.0.0.1", "http://localhost:8080/")


def test_what_is_shown_holds_no_secret(tmp_path: Path) -> None:
    shown = str(make_plan(tmp_path, None, PORTS).urls())
    assert "?" not in shown
    assert "key=" not in shown


def test_a_wrong_setting_is_named_with_its_value(tmp_path: Path) -> None:
    (tmp_path / "panocast.toml").write_text("[origin]\nrtmp_prot = 1935\n")
    with pytest.raises(UsageError, match=r"origin\.rtmp_prot"):
        make_plan(tmp_path, None, PORTS)


def test_rtmps_has_a_port_for_each_origin(tmp_path: Path) -> None:
    (tmp_path / "panocast.toml").write_text("[origin]\nrtmps_port = 1945\n")
    plan = make_plan(tmp_path, None, PORTS)
    assert [part.settings.origin.rtmps_port for part in (plan.primary, plan.backup)] == [1945, 1946]
