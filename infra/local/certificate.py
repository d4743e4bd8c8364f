"""A certificate of this machine's own, for HTTPS in a home network: no authority vouches for it, so browsers warn once.

Kept in the state directory; made anew only when it is about to end or lacks a name, for each new one is another
warning.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from infra.local.ports import own_address, public_address

# Apple's devices take no server certificate that is valid for longer (https://support.apple.com/en-us/103769).
VALID = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)
# Clocks of phones differ.
SKEW = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Files:
    """A certificate and its private key, in PEM."""

    certificate: Path
    key: Path


def own_certificate(folder: Path, names: Sequence[str] | None = None, now: datetime | None = None) -> Files:
    """The files of a certificate for `names` (default: this machine's), made or renewed where needed."""
    files = Files(folder / "certificate.pem", folder / "key.pem")
    now = now or datetime.now(UTC)
    names = machine_names() if names is None else names
    if not _serves(files, names, now):
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        _write(files.key, _pem(key))
        _write(files.certificate, _sign(key, names, now).public_bytes(serialization.Encoding.PEM))
    return files


def machine_names(bind: str = "0.0.0.0") -> list[str]:
    """What this machine is called at home: its host name, also as `.local`, and its addresses, as far as what listens
    on the IP address `bind` is reached there."""
    host = socket.gethostname().split(".")[0].lower()
    called = [host, f"{host}.local"] if re.fullmatch(r"[a-z0-9-]{1,63}", host) else []
    return ["localhost", *called, "127.0.0.1", "::1", public_address(bind) or own_address(bind)]


def _serves(files: Files, names: Sequence[str], now: datetime) -> bool:
    """Whether the certificate there is for all these names, belongs to its key, and lasts."""
    try:
        there = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
        told = there.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    lasts = there.not_valid_before_utc <= now and there.not_valid_after_utc >= now + RENEW_BEFORE
    return lasts and key.public_key() == there.public_key() and set(_general_names(names)) <= set(told)


def _sign(key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime) -> x509.Certificate:
    """A certificate that its own key signs."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "panocast on this network")])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now - SKEW + VALID)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def _general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    """Readable by its owner alone from the first byte on, and never half written."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_bytes(data)
    fresh.replace(path)
