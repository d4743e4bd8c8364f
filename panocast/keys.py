"""Stream keys: who may publish under a name.

A key is the HMAC-SHA256 of the stream's name under the deployment's secret, so that the secret alone decides and
nothing is stored per stream.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from panocast.errors import UsageError

SECRET_MIN_BYTES = 16


def stream_key(secret: bytes, name: str) -> str:
    """The key of stream `name`: 32 URL-safe characters (192 bits)."""
    digest = hmac.new(secret, name.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:24]).decode("ascii")


def key_matches(secret: bytes, name: str, key: str) -> bool:
    """Whether `key` is the key of `name`, compared in constant time."""
    return hmac.compare_digest(stream_key(secret, name).encode(), key.encode("utf-8", "surrogatepass"))


def load_secret(path: Path) -> bytes:
    """Read the deployment's secret, or make one (readable by its owner only) where there is none yet."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_secret(path)
    except OSError as error:
        raise UsageError(f"cannot write the secret {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    return _read_secret(path)


def _read_secret(path: Path) -> bytes:
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"cannot read the secret {path}: {error.strerror}") from error
    if len(secret) < SECRET_MIN_BYTES:
        raise UsageError(
            f"the secret in {path} is shorter than {SECRET_MIN_BYTES} bytes: remove the file to get a new one"
        )
    return secret
