"""The certificate for HTTPS at home."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from infra.local.certificate import VALID, Files, machine_names, own_certificate

NAMES = ["localhost", "127.0.0.1", "192.168.1.5"]
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def made(folder: Path, names: list[str] = NAMES, now: datetime = NOW) -> bytes:
    return own_certificate(folder, names, now).certificate.read_bytes()


def test_it_is_for_every_name_and_address_of_this_machine(tmp_path: Path) -> None:
    files = own_certificate(tmp_path)
    told = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = told.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    assert found == set(machine_names())
    assert {"localhost", "127.0.0.1"} <= found
    assert told.not_valid_after_utc - told.not_valid_before_utc <= timedelta(days=398), "phones refuse longer ones"


def test_a_server_can_use_it_and_nobody_else_can_read_its_key(tmp_path: Path) -> None:
    files = own_certificate(tmp_path, NAMES, NOW)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(files.certificate, files.key)
    assert files.key.stat().st_mode & 0o077 == 0


def test_it_stays_while_it_serves_so_that_browsers_warn_once(tmp_path: Path) -> None:
    first = made(tmp_path)
    assert made(tmp_path, NAMES[:2], NOW + timedelta(days=300)) == first


@pytest.mark.parametrize(
    ("names", "later"),
    [([*NAMES, "192.168.1.6"], timedelta()), (NAMES, VALID - timedelta(days=20)), (NAMES, -timedelta(days=9))],
)
def test_another_address_and_a_near_end_make_a_new_one(tmp_path: Path, names: list[str], later: timedelta) -> None:
    first = made(tmp_path)
    assert made(tmp_path, names, NOW + later) != first


@pytest.mark.parametrize("broken", ["certificate", "key"])
def test_what_is_damaged_or_does_not_fit_together_is_made_anew(tmp_path: Path, broken: str) -> None:
    files: Files = own_certificate(tmp_path / "a", NAMES, NOW)
    other: Files = own_certificate(tmp_path / "b", NAMES, NOW)
    path = getattr(files, broken)
    for damage in (b"", b"-----BEGIN", getattr(other, broken).read_bytes()):
        path.write_bytes(damage)
        again = own_certificate(tmp_path / "a", NAMES, NOW)
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(again.certificate, again.key)
